// X.509: a private CA and the certificates that it signs, for mutual TLS between the daemons. By
// OpenSSL. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

typedef struct evp_pkey_st EVP_PKEY;
typedef struct x509_st X509;

namespace gatetape::tools {

// CertificateWish is what a leaf certificate is to say.
struct CertificateWish {
  std::string common_name;
  std::string uri;                 // URI SAN: who this is to its peers
  std::vector<std::string> hosts;  // DNS and IP SANs
  int64_t days = 397;
};

class Certificate {
 public:
  // make_ca makes a self-signed CA that may sign leaves only.
  static Certificate make_ca(const std::string& common_name, int64_t days);
  // parse reads a certificate and its key, not encrypted, from PEM; INVALID_ARGUMENT otherwise.
  static absl::StatusOr<Certificate> parse(const std::string& certificate_pem,
                                           const std::string& key_pem);
  // load reads the files, then parses them. NOT_FOUND, or INVALID_ARGUMENT.
  static absl::StatusOr<Certificate> load(const std::string& certificate_file,
                                          const std::string& key_file);
  // sign makes a leaf with a fresh P-256 key, for servers and clients alike. INVALID_ARGUMENT for a
  // host that is no name or address, or when this is no CA.
  absl::StatusOr<Certificate> sign(const CertificateWish& wish) const;

  std::string certificate_pem() const;
  std::string key_pem() const;

 private:
  Certificate(X509* certificate, EVP_PKEY* key);
  std::shared_ptr<X509> certificate_;  // shared by copies of this value
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace gatetape::tools
