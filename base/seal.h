// The primitives by which a text is sealed for one recipient: X25519 (RFC 7748), HKDF with a salt
// (RFC 5869) and ChaCha20-Poly1305 (RFC 8439), computed by OpenSSL 3. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape {

// SharedSecret is what the owner of a public key X25519 can compute from `share` too.
struct SharedSecret {
  std::string share;   // public key of 32 bytes, used once
  std::string secret;  // 32 bytes
};

// agree_x25519 makes a new key and returns its public half, with the secret that it shares with a
// public key. It fails with INVALID_ARGUMENT when that key is not 32 bytes or is weak.
absl::StatusOr<SharedSecret> agree_x25519(std::string_view public_key);
// hkdf_sha256_salted returns 32 bytes.
std::string hkdf_sha256_salted(std::string_view key, std::string_view salt, std::string_view info);
// seal_chacha20_poly1305 returns the ciphertext and its tag of 16 bytes, without additional data.
// The key has 32 bytes and the nonce 12; a pair of both is used once.
std::string seal_chacha20_poly1305(std::string_view key, std::string_view nonce,
                                   std::string_view plain);

}  // namespace gatetape
