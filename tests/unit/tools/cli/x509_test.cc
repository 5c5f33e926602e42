#include "tools/cli/x509.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace gatetape::tools {
namespace {

std::shared_ptr<X509> parsed(const Certificate& certificate) {
  const std::string pem = certificate.certificate_pem();
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* x509 = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return {x509, X509_free};
}

// What OpenSSL says to the leaf as a server or client of this CA: X509_V_OK or a reason.
int verdict(const Certificate& leaf, const Certificate& ca, int purpose) {
  const auto leaf_x509 = parsed(leaf);
  const auto ca_x509 = parsed(ca);
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, ca_x509.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, leaf_x509.get(), nullptr);
  X509_STORE_CTX_set_purpose(context, purpose);
  X509_verify_cert(context);
  const int error = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return error;
}

CertificateWish wish(std::vector<std::string> hosts) {
  CertificateWish wish;
  wish.common_name = "gatetape recorder";
  wish.uri = "gatetape:recorder";
  wish.hosts = std::move(hosts);
  return wish;
}

TEST(Certificate, a_leaf_is_good_for_both_ends_under_its_ca_alone) {
  const Certificate ca = Certificate::make_ca("ca", 10);
  const Certificate other = Certificate::make_ca("ca", 10);
  const auto leaf = ca.sign(wish({"localhost"}));
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(verdict(*leaf, ca, X509_PURPOSE_SSL_SERVER), X509_V_OK);
  EXPECT_EQ(verdict(*leaf, ca, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_NE(verdict(*leaf, other, X509_PURPOSE_SSL_SERVER), X509_V_OK);
}

TEST(Certificate, a_leaf_names_its_hosts_and_no_other) {
  const Certificate ca = Certificate::make_ca("ca", 10);
  const auto leaf = ca.sign(wish({"rec1.example.org", "10.0.0.1", "fd00::1"}));
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  const auto x509 = parsed(*leaf);
  EXPECT_EQ(X509_check_host(x509.get(), "rec1.example.org", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(x509.get(), "rec2.example.org", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(x509.get(), "10.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(x509.get(), "fd00::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(x509.get(), "10.0.0.2", 0), 0);
}

TEST(Certificate, a_leaf_cannot_sign_another) {
  const Certificate ca = Certificate::make_ca("ca", 10);
  const auto leaf = ca.sign(wish({"a"}));
  ASSERT_TRUE(leaf.ok());
  EXPECT_EQ(leaf->sign(wish({"b"})).status().code(), absl::StatusCode::kInvalidArgument);
}

// Nobody is asked for a pass phrase: a daemon would wait for ever, or take what comes on its input.
TEST(Certificate, an_encrypted_key_is_refused) {
  const Certificate ca = Certificate::make_ca("ca", 10);
  EVP_PKEY* key = EVP_EC_gen("P-256");
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "word", 4, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  const std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  EVP_PKEY_free(key);
  int input[2];
  ASSERT_EQ(pipe(input), 0);
  ASSERT_EQ(write(input[1], "word\n", 5), 5);
  close(input[1]);
  const int before = dup(0);
  dup2(input[0], 0);
  const auto loaded = Certificate::parse({.certificate = ca.certificate_pem(), .key = pem});
  char next = 0;
  EXPECT_EQ(read(0, &next, 1), 1);
  EXPECT_EQ(next, 'w');
  dup2(before, 0);
  close(before);
  close(input[0]);
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Certificate, what_is_no_host_is_refused) {
  const Certificate ca = Certificate::make_ca("ca", 10);
  for (const char* host : {"", "a b", "a,DNS:evil", "*.example.org", "[::1]", "a\n"})
    EXPECT_EQ(ca.sign(wish({host})).status().code(), absl::StatusCode::kInvalidArgument) << host;
}

}  // namespace
}  // namespace gatetape::tools
