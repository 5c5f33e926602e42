// ssh_certificate: makes and parses OpenSSH certificates (PROTOCOL.certkeys of OpenSSH). The
// certificate authority is an Ed25519 key. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"

namespace gatetape {

// CertificateRequest holds the contents of a new certificate.
struct CertificateRequest {
  std::string public_key;  // 32 raw bytes, Ed25519
  uint64_t serial = 0;
  bool host = false;  // true: a host certificate; false: a user certificate
  std::string key_id;
  std::vector<std::string> principals;
  uint64_t valid_after = 0;   // Unix time in s; valid from this second on
  uint64_t valid_before = 0;  // Unix time in s; invalid from this second on
  std::vector<std::pair<std::string, std::string>> critical_options;  // name, value
  std::vector<std::string> extensions;
};

// mint_certificate returns the blob of an ssh-ed25519-cert-v01@openssh.com certificate signed by
// `ca`. It sorts options and extensions by name, as the format requires. A name that occurs twice
// fails a CHECK.
std::string mint_certificate(const SigningKey& ca, const CertificateRequest& request);

// Certificate is a parsed certificate of any key type of OpenSSH. A parsed certificate is not a
// trusted one: the caller must check the authority, its signature, `host`, the validity, the
// principals and every critical option.
struct Certificate {
  std::string type;        // "ssh-ed25519-cert-v01@openssh.com" ...
  std::string public_key;  // the key's fields as in the blob; for Ed25519 a string of 32 bytes
  uint64_t serial = 0;
  bool host = false;
  std::string key_id;
  std::vector<std::string> principals;
  uint64_t valid_after = 0;                                           // Unix s
  uint64_t valid_before = 0;                                          // Unix s
  std::vector<std::pair<std::string, std::string>> critical_options;  // name, value
  std::vector<std::pair<std::string, std::string>>
      extensions;            // name, value; most values are empty
  std::string authority;     // the CA's public key blob
  std::string signed_bytes;  // the bytes that the signature covers
  std::string signature;     // blob: algorithm and signature
};

// parse_certificate parses a certificate blob, which may be hostile. It fails with INVALID_ARGUMENT
// when bytes are left over or missing, when options are not sorted or not unique, and when the type
// is unknown.
absl::StatusOr<Certificate> parse_certificate(std::string_view blob);

// verify_certificate_signature returns true when the authority named in the certificate is an
// Ed25519 key and signed it. It returns false for other kinds of authority.
bool verify_certificate_signature(const Certificate& certificate);

// ed25519_key_blob returns the public key blob "ssh-ed25519" of 32 raw bytes (RFC 8709 section 4).
std::string ed25519_key_blob(std::string_view raw_public_key);

}  // namespace gatetape
