// Hashes, Ed25519 and randomness, all by OpenSSL 3. Pure but for random_bytes; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

typedef struct evp_pkey_st EVP_PKEY;

namespace gatetape {

// Hash is a SHA-256 digest (FIPS 180-4).
using Hash = std::array<char, 32>;

inline std::string_view view(const Hash& hash) { return {hash.data(), hash.size()}; }

// sha256 hashes the concatenation of `first` and `second`.
Hash sha256(std::string_view first, std::string_view second = {}, std::string_view third = {});
// hmac_sha256 is RFC 2104 with SHA-256.
Hash hmac_sha256(std::string_view key, std::string_view message);
// random_bytes gives `count` bytes from OpenSSL's CSPRNG; CHECKs that it works.
std::string random_bytes(size_t count);
// equal_secrets compares in time that depends only on the lengths.
bool equal_secrets(std::string_view a, std::string_view b);

// PublicKey is an Ed25519 public key (RFC 8032): 32 raw bytes.
struct PublicKey {
  std::string raw;

  // verify tells whether `signature` (64 bytes) is this key's signature over `message`.
  bool verify(std::string_view message, std::string_view signature) const;
  // id is the first 8 bytes of SHA-256 of the raw key, in hexadecimal: 16 characters.
  std::string id() const;
  // to_text is one line: "ed25519 <base64 of the raw key>".
  std::string to_text() const;
  // from_text parses to_text's form; INVALID_ARGUMENT otherwise.
  static absl::StatusOr<PublicKey> from_text(std::string_view text);
};

// SigningKey is an Ed25519 private key, kept in a PEM (PKCS #8) file of mode 0600.
class SigningKey {
 public:
  static SigningKey generate();
  // load reads a PEM file; NOT_FOUND without it, INVALID_ARGUMENT when it is no Ed25519 key,
  // PERMISSION_DENIED when group or others may read it.
  static absl::StatusOr<SigningKey> load(const std::string& path);
  // save writes a new PEM file of mode 0600; ALREADY_EXISTS when there is one.
  absl::Status save(const std::string& path) const;

  // sign gives the 64-byte signature of `message`.
  std::string sign(std::string_view message) const;
  const PublicKey& public_key() const { return public_key_; }
  // seed gives the 32 raw private bytes (for the OpenSSH key formats).
  std::string seed() const;

 private:
  explicit SigningKey(EVP_PKEY* key);
  std::shared_ptr<EVP_PKEY> key_;  // shared by copies of this value; OpenSSL counts references
  PublicKey public_key_;
};

}  // namespace gatetape
