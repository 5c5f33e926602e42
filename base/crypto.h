// Hashes, Ed25519 signatures and randomness, computed by OpenSSL 3. Pure, except random_bytes and
// the key files. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_ctx_st EVP_MD_CTX;

namespace gatetape {

// Hash is a SHA-256 digest (FIPS 180-4).
using Hash = std::array<char, 32>;

inline std::string_view view(const Hash& hash) { return {hash.data(), hash.size()}; }
// to_hash writes the 32 bytes of a digest into `hash`. It returns false, and changes nothing, when
// `bytes` has another size.
bool to_hash(std::string_view bytes, Hash* hash);

// sha256 returns the hash of the concatenation of its parts.
Hash sha256(std::string_view first, std::string_view second = {}, std::string_view third = {});
// Sha256Sum computes the hash of bytes that come in pieces. One thread.
class Sha256Sum {
 public:
  Sha256Sum();
  void add(std::string_view bytes);
  // finish returns the hash of all pieces, and starts anew.
  Hash finish();

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};
// hmac_sha256 returns HMAC (RFC 2104) with SHA-256. It remembers the key, so that further calls of
// the thread with the same key are faster.
Hash hmac_sha256(std::string_view key, std::string_view message);
// hmac_sha256_once returns the same for a key that is used once, and remembers nothing.
Hash hmac_sha256_once(std::string_view key, std::string_view message);
// hkdf_sha256 returns `count` bytes, at most 255 * 32, by HKDF (RFC 5869) with SHA-256 and without
// a salt.
std::string hkdf_sha256(std::string_view key, std::string_view info, size_t count);
// random_bytes returns `count` bytes from OpenSSL's random generator. A failure of the generator
// fails a CHECK.
std::string random_bytes(size_t count);
// equal_secrets compares two texts in a time that depends only on their lengths.
bool equal_secrets(std::string_view a, std::string_view b);

// PublicKey is an Ed25519 public key (RFC 8032): 32 raw bytes.
struct PublicKey {
  std::string raw;

  // verify returns true when `signature` (64 bytes) is this key's signature over `message`.
  bool verify(std::string_view message, std::string_view signature) const;
  // id returns the first 8 bytes of SHA-256 of the raw key in hexadecimal: 16 characters.
  std::string id() const;
  // to_text returns one line: "ed25519 <base64 of the raw key>".
  std::string to_text() const;
  // from_text parses the line that to_text returns, and fails with INVALID_ARGUMENT for any other
  // text.
  static absl::StatusOr<PublicKey> from_text(std::string_view text);
};

// SigningKey is an Ed25519 private key. It is stored in a PEM (PKCS #8) file of mode 0600.
class SigningKey {
 public:
  // generate returns a new random key.
  static SigningKey generate();
  // load reads a PEM file. It fails with NOT_FOUND when there is no file, INVALID_ARGUMENT when the
  // file holds no Ed25519 key, and PERMISSION_DENIED when the group or others can read the file.
  static absl::StatusOr<SigningKey> load(const std::string& path);
  // save writes a new PEM file of mode 0600. It fails with ALREADY_EXISTS when the file exists.
  absl::Status save(const std::string& path) const;

  // sign returns the 64-byte signature of `message`.
  std::string sign(std::string_view message) const;
  const PublicKey& public_key() const { return public_key_; }
  // seed returns the 32 raw private bytes, which the OpenSSH key formats need.
  std::string seed() const;

 private:
  explicit SigningKey(EVP_PKEY* key);
  std::shared_ptr<EVP_PKEY> key_;  // copies of this value share one immutable key
  PublicKey public_key_;
};

}  // namespace gatetape
