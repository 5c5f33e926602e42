// Derived rows: the rows of session, session_end, channel and event, which are computed from
// frames. The recorder inserts them in the transaction of their frame, and the verifier computes
// them again and compares. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "record/event.h"
#include "record/frame.h"

namespace gatetape {

// Text columns hold escape_text() of the bytes, and printable() of them in sessions of format
// version 1 (docs/FORMAT.md section 8). Times are truncated to microseconds, the precision of
// PostgreSQL.
struct SessionRow {
  std::string kind;  // session | forward | system
  std::string user;
  std::string login;
  std::string target;
  std::string target_address;
  std::string source_ip;    // in the form that the type inet prints; empty = NULL
  int32_t source_port = 0;  // NULL with source_ip
  std::string rule;
  std::string key_fingerprint;
  std::string gateway;
  std::string gateway_run;  // 16 bytes; empty = NULL
  int64_t started_at_ns = 0;
  bool operator==(const SessionRow&) const = default;
};

struct SessionEndRow {
  int64_t ended_at_ns = 0;
  std::string reason;
  std::string detail;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t frames = 0;
  bool operator==(const SessionEndRow&) const = default;
};

struct ChannelRow {
  uint32_t channel = 0;
  uint64_t opened_seq = 0;
  std::string type;
  bool operator==(const ChannelRow&) const = default;
};

struct EventRow {
  uint64_t seq = 0;
  uint32_t channel = 0;
  uint16_t kind = 0;
  uint64_t offset_ns = 0;
  std::string name;    // the name of the kind; for a request, the SSH request name
  std::string text;    // the text that search looks at
  std::string fields;  // JSON, see fields_json()
  bool operator==(const EventRow&) const = default;
};

// derive_session returns the row of a session. `frame` is frame 1 (session_open or start) and
// `event` is its decoded payload.
SessionRow derive_session(const Frame& frame, const Event& event,
                          FormatVersion version = kFormatVersion);
// derive_session_end returns the row of the end of a session. `frame` is a session_end or stop
// frame and `event` its decoded payload. A system session counts no bytes, and its end is
// `started_at_ns` of its session row plus the offset of the stop frame.
SessionEndRow derive_session_end(const Frame& frame, const Event& event, int64_t started_at_ns,
                                 FormatVersion version = kFormatVersion);
// derive_channel returns a row for a channel_open frame, and nothing for other frames.
std::optional<ChannelRow> derive_channel(const Frame& frame, const Event& event,
                                         FormatVersion version = kFormatVersion);
// derive_event returns the row of a frame that holds an event.
EventRow derive_event(const Frame& frame, const Event& event,
                      FormatVersion version = kFormatVersion);

// fields_json returns a JSON object of the fields. When a key occurs twice, its first value counts.
// A value that is UTF-8 without NUL is a JSON string; any other value is {"base64": "..."}, so that
// no byte is lost and jsonb accepts all of it.
std::string fields_json(const Event& event);
// fields_from_json parses the JSON that fields_json returns and keeps its order. It fails with
// INVALID_ARGUMENT for other JSON.
absl::StatusOr<Event> fields_from_json(std::string_view json);

}  // namespace gatetape
