// SessionId: a UUIDv7 (RFC 9562), minted by whoever opens the session. Pure; any thread.
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape {

class SessionId {
 public:
  SessionId() = default;
  // mint makes an id of the wall clock's millisecond and fresh randomness.
  static SessionId mint(int64_t wall_ns);
  // from_bytes takes 16 raw bytes; INVALID_ARGUMENT otherwise.
  static absl::StatusOr<SessionId> from_bytes(std::string_view bytes);
  // from_text takes the 36-character form; INVALID_ARGUMENT otherwise.
  static absl::StatusOr<SessionId> from_text(std::string_view text);

  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }
  std::string to_text() const;
  // unix_ms is the minting time in the id.
  int64_t unix_ms() const;
  // The order is that of the bytes, as uuid's in PostgreSQL: older first.
  std::strong_ordering operator<=>(const SessionId& other) const {
    return bytes() <=> other.bytes();
  }
  bool operator==(const SessionId&) const = default;

 private:
  std::array<char, 16> bytes_{};
};

}  // namespace gatetape
