// SessionId: a UUIDv7 (RFC 9562). The process that opens a session mints it. Pure; any thread.
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
  // mint returns a new id of the millisecond of the wall clock and fresh randomness.
  static SessionId mint(int64_t wall_ns);
  // from_bytes returns the id of 16 raw bytes, and fails with INVALID_ARGUMENT for another length.
  static absl::StatusOr<SessionId> from_bytes(std::string_view bytes);
  // from_text parses the form of 36 characters, and fails with INVALID_ARGUMENT for any other text.
  static absl::StatusOr<SessionId> from_text(std::string_view text);

  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }
  std::string to_text() const;
  // unix_ms returns the time that mint wrote into the id, as Unix time in milliseconds.
  int64_t unix_ms() const;
  // The order is that of the bytes, like the order of the type uuid in PostgreSQL: older ids first.
  std::strong_ordering operator<=>(const SessionId& other) const {
    return bytes() <=> other.bytes();
  }
  bool operator==(const SessionId&) const = default;

 private:
  std::array<char, 16> bytes_{};
};

}  // namespace gatetape
