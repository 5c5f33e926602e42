#include "tools/cli/x509.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/endpoint.h"
#include "base/toml.h"

namespace gatetape::tools {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

Bio memory_bio(const std::string& text = {}) {
  BIO* bio = text.empty() ? BIO_new(BIO_s_mem())
                          : BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  CHECK(bio != nullptr);
  return Bio(bio, BIO_free_all);
}

// no_pass_phrase refuses an encrypted key; OpenSSL would ask for the pass phrase on the terminal.
int no_pass_phrase(char*, int, int, void*) { return -1; }

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(length));
}

// new_certificate returns a certificate with serial number, times, subject and key, and without
// issuer, extensions and signature.
X509* new_certificate(EVP_PKEY* key, const std::string& common_name, int64_t days) {
  X509* certificate = X509_new();
  unsigned char serial[16];
  CHECK(certificate != nullptr && RAND_bytes(serial, sizeof serial) == 1);
  serial[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  constexpr long kClockSkewS = 300;
  X509_set_version(certificate, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kClockSkewS);
  X509_time_adj_ex(X509_getm_notAfter(certificate), static_cast<int>(days), 0, nullptr);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  CHECK(X509_set_pubkey(certificate, key) == 1);
  return certificate;
}

// add_extension returns false when OpenSSL refuses the value.
bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

}  // namespace

Certificate::Certificate(X509* certificate, EVP_PKEY* key)
    : certificate_(certificate, X509_free), key_(key, EVP_PKEY_free) {}

Certificate Certificate::make_ca(const std::string& common_name, int64_t days) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  CHECK(key != nullptr);
  Certificate ca(new_certificate(key, common_name, days), key);
  X509* certificate = ca.certificate_.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  CHECK(
      add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  CHECK(add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign"));
  CHECK(add_extension(certificate, certificate, NID_subject_key_identifier, "hash"));
  CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
  return ca;
}

absl::StatusOr<Certificate> Certificate::parse(const CertificatePem& pem) {
  X509* certificate =
      PEM_read_bio_X509(memory_bio(pem.certificate).get(), nullptr, nullptr, nullptr);
  EVP_PKEY* key =
      PEM_read_bio_PrivateKey(memory_bio(pem.key).get(), nullptr, no_pass_phrase, nullptr);
  Certificate parsed(certificate, key);
  if (certificate == nullptr || key == nullptr || X509_check_private_key(certificate, key) != 1)
    return absl::InvalidArgumentError("not a PEM certificate with its unencrypted private key");
  return parsed;
}

absl::StatusOr<Certificate> Certificate::load(const CertificateFiles& files) {
  const absl::StatusOr<std::string> certificate = read_whole_file(files.certificate);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<std::string> key = read_whole_file(files.key);
  if (!key.ok()) return key.status();
  absl::StatusOr<Certificate> loaded = parse({.certificate = *certificate, .key = *key});
  if (!loaded.ok())
    return absl::InvalidArgumentError(files.certificate + " and " + files.key + ": " +
                                      std::string(loaded.status().message()));
  return loaded;
}

absl::StatusOr<Certificate> Certificate::sign(const CertificateWish& wish) const {
  if (X509_check_ca(certificate_.get()) == 0)
    return absl::InvalidArgumentError("the signing certificate is not one of a CA");
  std::string names = "URI:" + wish.uri;
  for (const std::string& host : wish.hosts) {
    if (!parse_host_port(host, uint16_t{0}).ok() || host.find_first_of(",[") != std::string::npos)
      return absl::InvalidArgumentError("`" + host + "` is not a host name or an address");
    names += (parse_ip(host).empty() ? ",DNS:" : ",IP:") + host;
  }
  EVP_PKEY* key = EVP_EC_gen("P-256");
  CHECK(key != nullptr);
  Certificate leaf(new_certificate(key, wish.common_name, wish.days), key);
  X509* certificate = leaf.certificate_.get();
  X509* issuer = certificate_.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  CHECK(add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE"));
  CHECK(add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature"));
  CHECK(add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth,clientAuth"));
  if (!add_extension(certificate, issuer, NID_authority_key_identifier, "keyid"))
    return absl::InvalidArgumentError("the CA certificate has no subject key identifier");
  if (!add_extension(certificate, issuer, NID_subject_alt_name, names))
    return absl::InvalidArgumentError("the names " + names + " cannot stand in a certificate");
  CHECK(X509_sign(certificate, key_.get(), EVP_sha256()) > 0);
  return leaf;
}

std::string Certificate::certificate_pem() const {
  const Bio bio = memory_bio();
  CHECK(PEM_write_bio_X509(bio.get(), certificate_.get()) == 1);
  return text_of(bio);
}

std::string Certificate::key_pem() const {
  const Bio bio = memory_bio();
  CHECK(PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
        1);
  return text_of(bio);
}

}  // namespace gatetape::tools
