// X.509: a private CA and the certificates that it signs, for mutual TLS between the daemons. It
// uses OpenSSL. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

typedef struct evp_pkey_st EVP_PKEY;
typedef struct x509_st X509;

namespace gatetape::tools {

// CertificatePem is a certificate and its private key as PEM text.
struct CertificatePem {
  std::string certificate;
  std::string key;
};

// CertificateFiles names the PEM files of a certificate and of its private key.
struct CertificateFiles {
  std::string certificate;
  std::string key;
};

// CertificateWish is the content of a leaf certificate.
struct CertificateWish {
  std::string common_name;
  std::string uri;                 // URI SAN: the identity that its peers check
  std::vector<std::string> hosts;  // DNS and IP SANs
  int64_t days = 397;
};

class Certificate {
 public:
  // make_ca returns a new self-signed CA that may sign leaf certificates only.
  static Certificate make_ca(const std::string& common_name, int64_t days);
  // parse parses a certificate and its unencrypted key; INVALID_ARGUMENT otherwise.
  static absl::StatusOr<Certificate> parse(const CertificatePem& pem);
  // load reads the files and parses them. NOT_FOUND, or INVALID_ARGUMENT.
  static absl::StatusOr<Certificate> load(const CertificateFiles& files);
  // sign returns a leaf with a new P-256 key, for servers and clients alike. INVALID_ARGUMENT for a
  // host that is neither a name nor an address, or when this certificate is not one of a CA.
  absl::StatusOr<Certificate> sign(const CertificateWish& wish) const;

  std::string certificate_pem() const;
  std::string key_pem() const;

 private:
  Certificate(X509* certificate, EVP_PKEY* key);
  std::shared_ptr<X509> certificate_;  // shared by copies of this value
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace gatetape::tools
