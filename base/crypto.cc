#include "base/crypto.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"

namespace gatetape {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(char* data) { return reinterpret_cast<unsigned char*>(data); }

// Sha256 holds a digest context and the fetched algorithm, one per thread, because an implicit
// fetch for each hash would cost as much as the hash itself.
struct Sha256 {
  EVP_MD* md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Sha256() {
    EVP_MD_CTX_free(context);
    EVP_MD_free(md);
  }
};

// HmacSha256 holds an HMAC context whose digest is set, because to set it costs as much as the HMAC
// of a short message.
struct HmacSha256 {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  HmacSha256() {
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                 OSSL_PARAM_construct_end()};
    const int result = EVP_MAC_CTX_set_params(context, params);
    CHECK(result == 1, result);
  }
  ~HmacSha256() {
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
  }
  // init starts a message under a new key, or, without a key, under the last one.
  bool init(std::string_view key) {
    return EVP_MAC_init(context, key.empty() ? nullptr : bytes_of(key), key.size(), nullptr) == 1;
  }
  Hash finish(bool ok, std::string_view message) {
    Hash hash;
    size_t length = 0;
    ok = ok && EVP_MAC_update(context, bytes_of(message), message.size()) == 1;
    ok = ok && EVP_MAC_final(context, bytes_of(hash.data()), &length, hash.size()) == 1;
    CHECK(ok, length);
    CHECK(length == hash.size(), length);
    return hash;
  }
};

// RememberedKey is the key of the last use of a context. The frames of one session come one after
// another, so that the key often stays the same.
struct RememberedKey {
  std::string key;
  ~RememberedKey() { OPENSSL_cleanse(key.data(), key.size()); }
};

// no_pass_phrase fails the request for a pass phrase. OpenSSL would otherwise read one from the
// terminal or from standard input.
int no_pass_phrase(char*, int, int, void*) { return -1; }

struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

}  // namespace

bool to_hash(std::string_view bytes, Hash* hash) {
  if (bytes.size() != hash->size()) return false;
  std::copy(bytes.begin(), bytes.end(), hash->begin());
  return true;
}

Hash sha256(std::string_view first, std::string_view second, std::string_view third) {
  thread_local Sha256 state;
  Hash hash;
  bool ok = EVP_DigestInit_ex2(state.context, state.md, nullptr) == 1;
  for (std::string_view part : {first, second, third})
    if (!part.empty()) ok = ok && EVP_DigestUpdate(state.context, part.data(), part.size()) == 1;
  ok = ok && EVP_DigestFinal_ex(state.context, bytes_of(hash.data()), nullptr) == 1;
  CHECK(ok);
  return hash;
}

Sha256Sum::Sha256Sum() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256Sum::add(std::string_view bytes) {
  CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, bytes.size());
}

Hash Sha256Sum::finish() {
  Hash hash;
  const bool ok = EVP_DigestFinal_ex(context_.get(), bytes_of(hash.data()), nullptr) == 1 &&
                  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  CHECK(ok);
  return hash;
}

Hash hmac_sha256(std::string_view key, std::string_view message) {
  thread_local HmacSha256 state;
  thread_local RememberedKey last;
  CHECK(!key.empty(), message.size());
  const bool is_same = key == last.key;
  if (!is_same) last.key.assign(key);
  return state.finish(state.init(is_same ? std::string_view{} : key), message);
}

Hash hmac_sha256_once(std::string_view key, std::string_view message) {
  thread_local HmacSha256 state;
  CHECK(!key.empty(), message.size());
  return state.finish(state.init(key), message);
}

std::string hkdf_sha256(std::string_view key, std::string_view info, size_t count) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(kdf.get()), &EVP_KDF_CTX_free);
  std::string digest = "SHA256", secret(key), text(info), out(count, '\0');
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string("digest", digest.data(), 0),
      OSSL_PARAM_construct_octet_string("key", secret.data(), secret.size()),
      OSSL_PARAM_construct_octet_string("info", text.data(), text.size()),
      OSSL_PARAM_construct_end()};
  const int result = EVP_KDF_derive(context.get(), bytes_of(out.data()), out.size(), params);
  OPENSSL_cleanse(secret.data(), secret.size());
  CHECK(result == 1, result, count);
  return out;
}

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  const int result = RAND_bytes(bytes_of(bytes.data()), static_cast<int>(count));
  CHECK(result == 1, result);
  return bytes;
}

bool equal_secrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  if (raw.size() != 32 || signature.size() != 64) return false;
  EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw), raw.size());
  if (key == nullptr) return false;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool ok = EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, key) == 1 &&
                  EVP_DigestVerify(context, bytes_of(signature), signature.size(),
                                   bytes_of(message), message.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return ok;
}

std::string PublicKey::id() const { return to_hex(view(sha256(raw)).substr(0, 8)); }

std::string PublicKey::to_text() const { return "ed25519 " + to_base64(raw); }

absl::StatusOr<PublicKey> PublicKey::from_text(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  constexpr std::string_view kPrefix = "ed25519 ";
  PublicKey key;
  if (!text.starts_with(kPrefix) || !from_base64(text.substr(kPrefix.size()), &key.raw) ||
      key.raw.size() != 32) {
    return absl::InvalidArgumentError("not a line `ed25519 <base64 of 32 bytes>`");
  }
  return key;
}

SigningKey::SigningKey(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {
  public_key_.raw.resize(32);
  size_t length = 32;
  CHECK(EVP_PKEY_get_raw_public_key(key, bytes_of(public_key_.raw.data()), &length) == 1);
}

SigningKey SigningKey::generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  CHECK(key != nullptr);
  return SigningKey(key);
}

absl::StatusOr<SigningKey> SigningKey::load(const std::string& path) {
  File file(std::fopen(path.c_str(), "re"));
  if (!file && errno == EACCES) return absl::PermissionDeniedError(path + ": permission denied");
  if (!file) return absl::NotFoundError(path + ": " + std::strerror(errno));
  struct stat info {};
  if (fstat(fileno(file.get()), &info) != 0 || (info.st_mode & 077) != 0)
    return absl::PermissionDeniedError(
        path + ": the group or others can access this key; run chmod 600 on it");
  EVP_PKEY* key = PEM_read_PrivateKey(file.get(), nullptr, no_pass_phrase, nullptr);
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
    EVP_PKEY_free(key);
    return absl::InvalidArgumentError(path + ": not an Ed25519 private key in PEM");
  }
  return SigningKey(key);
}

absl::Status SigningKey::save(const std::string& path) const {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    if (errno == EEXIST) return absl::AlreadyExistsError(path + ": the file exists already");
    return absl::UnavailableError(path + ": " + std::strerror(errno));
  }
  File file(fdopen(fd, "w"));
  const bool ok = PEM_write_PKCS8PrivateKey(file.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                            nullptr) == 1 &&
                  std::fflush(file.get()) == 0 && fsync(fd) == 0;
  if (!ok) return absl::UnavailableError(path + ": could not be written");
  return absl::OkStatus();
}

std::string SigningKey::sign(std::string_view message) const {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::string signature(64, '\0');
  size_t length = signature.size();
  const bool ok = EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_.get()) == 1 &&
                  EVP_DigestSign(context, bytes_of(signature.data()), &length, bytes_of(message),
                                 message.size()) == 1;
  EVP_MD_CTX_free(context);
  CHECK(ok);
  return signature;
}

std::string SigningKey::seed() const {
  std::string seed(32, '\0');
  size_t length = 32;
  CHECK(EVP_PKEY_get_raw_private_key(key_.get(), bytes_of(seed.data()), &length) == 1);
  return seed;
}

}  // namespace gatetape
