#include "log/vkey.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "base/utf8.h"
#include "log/fields.h"

namespace gatetape {
namespace {

constexpr size_t kKeyHashBytes = 4;
constexpr size_t kEd25519SignatureBytes = 64;
constexpr size_t kTimeBytes = 8;

// is_space returns true for the code points with the property White_Space of Unicode.
bool is_space(uint32_t code) {
  return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
         code == 0x202f || code == 0x205f || code == 0x3000;
}

// typed_key returns the bytes of a verifier key that its base64 holds.
std::string typed_key(NoteKeyType type, const PublicKey& key) {
  return static_cast<char>(type) + key.raw;
}

// cosigned returns the bytes that a key of type kCosignature signs.
std::string cosigned(std::string_view text, uint64_t time_s) {
  return ("cosignature/v1\ntime " + std::to_string(time_s) + "\n").append(text);
}

absl::Status not_a_key() {
  return absl::InvalidArgumentError(
      "not a verifier key `NAME+HASH+BASE64` of the type Ed25519 or cosignature");
}

}  // namespace

bool is_key_name(std::string_view name) {
  if (name.empty()) return false;
  while (!name.empty()) {
    const Utf8Front front = utf8_front(name);
    if (!front.is_character() || front.code < 0x20 || front.code == '+' || is_space(front.code))
      return false;
    name.remove_prefix(front.length);
  }
  return true;
}

std::string VerifierKey::hash() const {
  const Hash hash = sha256(name, "\n", typed_key(type, key));
  return std::string(view(hash).substr(0, kKeyHashBytes));
}

std::string VerifierKey::to_text() const {
  return name + "+" + to_hex(hash()) + "+" + to_base64(typed_key(type, key));
}

absl::StatusOr<VerifierKey> VerifierKey::from_text(std::string_view line) {
  FieldReader reader(line, '+');
  VerifierKey verifier;
  verifier.name = reader.field();
  const std::string hash = reader.hex(kKeyHashBytes);
  std::string bytes;
  // Base64 may hold a plus sign itself, so it is the rest of the line.
  if (!reader.ok() || !is_key_name(verifier.name) || !from_base64(reader.rest(), &bytes) ||
      bytes.size() != 33)
    return not_a_key();
  verifier.type = static_cast<NoteKeyType>(bytes[0]);
  verifier.key.raw = bytes.substr(1);
  if (verifier.type != NoteKeyType::kEd25519 && verifier.type != NoteKeyType::kCosignature)
    return not_a_key();
  if (verifier.hash() != hash)
    return absl::InvalidArgumentError("the hash in the verifier key is not that of its key");
  return verifier;
}

bool VerifierKey::verify(std::string_view text, std::string_view signature) const {
  if (type == NoteKeyType::kEd25519) return key.verify(text, signature);
  uint64_t time_s = 0;
  return cosignature_time(signature, &time_s) &&
         key.verify(cosigned(text, time_s), signature.substr(kTimeBytes));
}

bool cosignature_time(std::string_view signature, uint64_t* time_s) {
  uint64_t value = 0;
  if (signature.size() != kTimeBytes + kEd25519SignatureBytes ||
      !ByteReader(signature).get_u64(&value) || value > kLogNumberMax)
    return false;
  *time_s = value;
  return true;
}

std::string NoteSigner::sign(std::string_view text, uint64_t time_s) const {
  CHECK(is_key_name(name), name);
  if (type == NoteKeyType::kEd25519) return key.sign(text);
  CHECK(time_s <= kLogNumberMax, time_s);
  std::string signature;
  put_u64(&signature, time_s);
  return signature + key.sign(cosigned(text, time_s));
}

}  // namespace gatetape
