#include "record/session_id.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/crypto.h"

namespace gatetape {

SessionId SessionId::mint(int64_t wall_ns) {
  std::string bytes;
  put_u64(&bytes, static_cast<uint64_t>(wall_ns / 1'000'000) << 16);
  bytes.resize(6);
  bytes += random_bytes(10);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x70);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  return *from_bytes(bytes);
}

absl::StatusOr<SessionId> SessionId::from_bytes(std::string_view bytes) {
  SessionId id;
  if (bytes.size() != id.bytes_.size())
    return absl::InvalidArgumentError("a session id has 16 bytes");
  std::copy(bytes.begin(), bytes.end(), id.bytes_.begin());
  return id;
}

absl::StatusOr<SessionId> SessionId::from_text(std::string_view text) {
  std::string hex;
  for (size_t i = 0; i < text.size(); i++) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return absl::InvalidArgumentError("not a UUID");
    if (!dash) hex += text[i];
  }
  std::string bytes;
  if (!from_hex(hex, &bytes)) return absl::InvalidArgumentError("not a UUID");
  return from_bytes(bytes);
}

std::string SessionId::to_text() const {
  std::string text = to_hex(bytes());
  for (const size_t at : {8UL, 13UL, 18UL, 23UL}) text.insert(at, 1, '-');
  return text;
}

int64_t SessionId::unix_ms() const {
  uint64_t value = 0;
  ByteReader(bytes()).get_u64(&value);
  return static_cast<int64_t>(value >> 16);
}

}  // namespace gatetape
