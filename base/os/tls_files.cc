#include "base/os/tls_files.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "base/check.h"
#include "base/clock.h"
#include "base/endpoint.h"
#include "base/toml.h"

namespace gatetape {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

// no_pass_phrase fails the request for a pass phrase, which OpenSSL would otherwise read from the
// terminal.
int no_pass_phrase(char*, int, int, void*) { return -1; }

Bio bio_of(const std::string& text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free_all);
  CHECK(bio != nullptr);
  return bio;
}

absl::StatusOr<X509Ptr> read_certificate(const std::string& path) {
  const absl::StatusOr<std::string> text = read_whole_file(path);
  if (!text.ok()) return text.status();
  X509Ptr certificate(PEM_read_bio_X509(bio_of(*text).get(), nullptr, no_pass_phrase, nullptr),
                      X509_free);
  if (!certificate)
    return absl::InvalidArgumentError(path + ": the file holds no certificate in PEM");
  return certificate;
}

absl::StatusOr<KeyPtr> read_key(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & 07) != 0)
    return absl::PermissionDeniedError(path +
                                       ": every account can access this key; run chmod 600 on it");
  const absl::StatusOr<std::string> text = read_whole_file(path);
  if (!text.ok()) return text.status();
  KeyPtr key(PEM_read_bio_PrivateKey(bio_of(*text).get(), nullptr, no_pass_phrase, nullptr),
             EVP_PKEY_free);
  if (!key)
    return absl::InvalidArgumentError(path + ": the file holds no unencrypted private key in PEM");
  return key;
}

int64_t unix_s(const ASN1_TIME* time) {
  tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

std::vector<std::string> uris_of(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  std::vector<std::string> uris;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); i++) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                      static_cast<size_t>(ASN1_STRING_length(uri)));
  }
  return uris;
}

}  // namespace

absl::StatusOr<int64_t> read_tls_expiry(const TlsConfig& tls, int64_t now_s) {
  const absl::StatusOr<X509Ptr> certificate = read_certificate(tls.certificate);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<KeyPtr> key = read_key(tls.key);
  if (!key.ok()) return key.status();
  if (const absl::StatusOr<X509Ptr> ca = read_certificate(tls.ca); !ca.ok()) return ca.status();
  if (X509_check_private_key(certificate->get(), key->get()) != 1)
    return absl::InvalidArgumentError(tls.key + ": this is not the key of " + tls.certificate);
  const int64_t from_s = unix_s(X509_get0_notBefore(certificate->get()));
  const int64_t until_s = unix_s(X509_get0_notAfter(certificate->get()));
  constexpr int64_t kNsPerS = 1'000'000'000;
  if (now_s < from_s)
    return absl::InvalidArgumentError(tls.certificate + ": the certificate is not valid before " +
                                      format_utc(from_s * kNsPerS));
  if (now_s >= until_s)
    return absl::InvalidArgumentError(tls.certificate + ": the certificate expired at " +
                                      format_utc(until_s * kNsPerS));
  return until_s;
}

absl::StatusOr<PeerRole> read_tls_role(const std::string& certificate) {
  const absl::StatusOr<X509Ptr> read = read_certificate(certificate);
  if (!read.ok()) return read.status();
  absl::StatusOr<PeerRole> role = role_of_uris(uris_of(read->get()));
  if (role.ok()) return role;
  return absl::PermissionDeniedError(certificate + ": " + std::string(role.status().message()));
}

absl::Status check_tls_files(const OwnTls& own, int64_t now_s) {
  if (std::all_of(own.endpoints.begin(), own.endpoints.end(), is_unix)) return absl::OkStatus();
  const absl::Status files = read_tls_expiry(own.tls, now_s).status();
  if (!files.ok()) return files;
  const absl::StatusOr<PeerRole> role = read_tls_role(own.tls.certificate);
  if (!role.ok() || *role == own.role) return role.status();
  return absl::InvalidArgumentError(own.tls.certificate + ": the certificate has the role " +
                                    role_uri(*role) + ", and this daemon needs one with the role " +
                                    role_uri(own.role));
}

}  // namespace gatetape
