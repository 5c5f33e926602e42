// The rows that are computed from frames: session, session_end, channel, event. The recorder writes
// what these functions give, in the frame's own transaction, and the verifier computes them again.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "record/event.h"
#include "record/frame.h"

namespace gatetape {

// Text columns hold printable() text; times are cut to microseconds, as PostgreSQL keeps them.
struct SessionRow {
  std::string kind;  // session | forward | system
  std::string user;
  std::string login;
  std::string target;
  std::string target_address;
  std::string source_ip;    // as inet prints it; empty = NULL
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
  std::string name;    // the kind's name, or for requests the SSH request name
  std::string text;    // what people search
  std::string fields;  // JSON, see fields_json
  bool operator==(const EventRow&) const = default;
};

// derive_session takes frame 1 (session_open or start) and its event.
SessionRow derive_session(const Frame& frame, const Event& event);
// derive_session_end takes a session_end or stop frame and its event. A system session counts no
// bytes; its end is `started_at_ns` (of its session row) plus the stop frame's offset.
SessionEndRow derive_session_end(const Frame& frame, const Event& event, int64_t started_at_ns);
// derive_channel gives a row for a channel_open frame, nothing for others.
std::optional<ChannelRow> derive_channel(const Frame& frame, const Event& event);
// derive_event gives the row of any frame that is no stream bytes.
EventRow derive_event(const Frame& frame, const Event& event);

// fields_json gives an object of the event's fields, the first of each key: a string where the
// value is UTF-8 without NUL, else {"base64": "..."}. Nothing is lost and jsonb takes all of it.
std::string fields_json(const Event& event);
// fields_from_json is the opposite, in the order of the JSON text; INVALID_ARGUMENT for other JSON.
absl::StatusOr<Event> fields_from_json(std::string_view json);

}  // namespace gatetape
