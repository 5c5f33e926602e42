#include "base/seal.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>

#include "base/check.h"

namespace gatetape {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

absl::StatusOr<SharedSecret> agree_x25519(std::string_view public_key) {
  const Key own(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), EVP_PKEY_free);
  const Key peer(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, bytes_of(public_key),
                                             public_key.size()),
                 EVP_PKEY_free);
  if (peer == nullptr) return absl::InvalidArgumentError("not a public key of X25519");
  const KeyContext context(EVP_PKEY_CTX_new(own.get(), nullptr), EVP_PKEY_CTX_free);
  SharedSecret shared{std::string(kKeyBytes, '\0'), std::string(kKeyBytes, '\0')};
  size_t length = kKeyBytes;
  CHECK(EVP_PKEY_get_raw_public_key(own.get(), bytes_of(shared.share), &length) == 1, length);
  CHECK(EVP_PKEY_derive_init(context.get()) == 1, length);
  // OpenSSL refuses a peer's key of low order, whose secret would be zero.
  if (EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
      EVP_PKEY_derive(context.get(), bytes_of(shared.secret), &length) != 1)
    return absl::InvalidArgumentError("a weak public key of X25519");
  return shared;
}

std::string hkdf_sha256_salted(std::string_view key, std::string_view salt, std::string_view info) {
  const KeyContext context(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr), EVP_PKEY_CTX_free);
  std::string out(kKeyBytes, '\0');
  size_t length = out.size();
  const auto count = [](std::string_view text) { return static_cast<int>(text.size()); };
  const bool ok = EVP_PKEY_derive_init(context.get()) == 1 &&
                  EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()) == 1 &&
                  EVP_PKEY_CTX_set1_hkdf_salt(context.get(), bytes_of(salt), count(salt)) == 1 &&
                  EVP_PKEY_CTX_set1_hkdf_key(context.get(), bytes_of(key), count(key)) == 1 &&
                  EVP_PKEY_CTX_add1_hkdf_info(context.get(), bytes_of(info), count(info)) == 1 &&
                  EVP_PKEY_derive(context.get(), bytes_of(out), &length) == 1;
  CHECK(ok, length);
  return out;
}

std::string seal_chacha20_poly1305(std::string_view key, std::string_view nonce,
                                   std::string_view plain) {
  CHECK(key.size() == kKeyBytes && nonce.size() == kNonceBytes, key.size(), nonce.size());
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string out(plain.size() + kTagBytes, '\0');
  int sealed = 0, rest = 0;
  const bool ok = EVP_EncryptInit_ex(context.get(), EVP_chacha20_poly1305(), nullptr, bytes_of(key),
                                     bytes_of(nonce)) == 1 &&
                  EVP_EncryptUpdate(context.get(), bytes_of(out), &sealed, bytes_of(plain),
                                    static_cast<int>(plain.size())) == 1 &&
                  EVP_EncryptFinal_ex(context.get(), bytes_of(out) + sealed, &rest) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                                      out.data() + plain.size()) == 1;
  CHECK(ok, sealed);
  CHECK(static_cast<size_t>(sealed + rest) == plain.size(), sealed, rest, plain.size());
  return out;
}

}  // namespace gatetape
