// ssh_certificate: mints and reads OpenSSH certificates (PROTOCOL.certkeys of OpenSSH) with an
// Ed25519 certificate authority. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"

namespace gatetape::gateway {

// CertificateRequest is what a certificate shall say.
struct CertificateRequest {
  std::string public_key;  // 32 raw bytes, Ed25519
  uint64_t serial = 0;
  bool host = false;  // a host certificate; otherwise a user's
  std::string key_id;
  std::vector<std::string> principals;
  uint64_t valid_after = 0;   // Unix s, from then
  uint64_t valid_before = 0;  // Unix s, until just before then
  std::vector<std::pair<std::string, std::string>> critical_options;  // name, value
  std::vector<std::string> extensions;
};

// mint_certificate gives the blob of an ssh-ed25519-cert-v01@openssh.com certificate signed by
// `ca`. Options and extensions are sorted by name, as the format demands; names must not repeat.
std::string mint_certificate(const SigningKey& ca, const CertificateRequest& request);

// Certificate is a parsed certificate of any of OpenSSH's key types. Parsed is not trusted: check
// the authority, its signature, host, validity, principals and every critical option.
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
  std::vector<std::pair<std::string, std::string>> extensions;        // name, value, mostly empty
  std::string authority;                                              // the CA's public key blob
  std::string signed_bytes;                                           // what the signature covers
  std::string signature;  // blob: algorithm and signature
};

// parse_certificate reads a certificate blob (hostile bytes); INVALID_ARGUMENT unless every byte
// has its place, options are sorted and unique, and the type is known.
absl::StatusOr<Certificate> parse_certificate(std::string_view blob);

// verify_certificate_signature tells whether the certificate's own authority signed it and is an
// Ed25519 key; false for other kinds of authority.
bool verify_certificate_signature(const Certificate& certificate);

// ed25519_key_blob gives the public key blob "ssh-ed25519" of 32 raw bytes (RFC 8709 section 4).
std::string ed25519_key_blob(std::string_view raw_public_key);

}  // namespace gatetape::gateway
