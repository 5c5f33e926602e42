#include "record/derived.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/text_escape.h"
#include "formats/ssh_request.h"
#include "record/session_id.h"

namespace gatetape {
namespace {

constexpr int64_t kNsPerUs = 1000;
// ordered_json keeps the order of the event's fields.
using Json = nlohmann::ordered_json;

// Version 1 did not escape the backslash, so that a typed \x1b and an ESC byte had the same text.
TextForm form_of(FormatVersion version) {
  return version == FormatVersion::k1 ? printable : escape_text;
}

int64_t time_of(const Event& event, std::string_view key) {
  const auto ns = static_cast<int64_t>(event.get_number(key));
  return ns - ns % kNsPerUs;
}

bool is_request(FrameKind kind) {
  return kind == FrameKind::kRequestIn || kind == FrameKind::kRequestOut;
}

std::string request_text(const Event& event, TextForm form) {
  const absl::StatusOr<SshRequest> request =
      parse_ssh_request(event.get("request"), event.get("data"));
  return request.ok() ? describe(*request, form) : form(event.get("data"));
}

}  // namespace

SessionRow derive_session(const Frame& frame, const Event& event, FormatVersion version) {
  const TextForm form = form_of(version);
  SessionRow row;
  row.kind = frame.kind == FrameKind::kStart                    ? "system"
             : event.get("kind") == std::string_view("forward") ? "forward"
                                                                : "session";
  row.user = form(event.get("user"));
  row.login = form(event.get("login"));
  row.target = form(event.get("target"));
  row.target_address = form(event.get("target_address"));
  const absl::StatusOr<HostPort> source = parse_host_port(event.get("source"));
  if (source.ok() && !parse_ip(source->host).empty()) {
    row.source_ip = source->host;
    row.source_port = source->port;
  }
  row.rule = form(event.get("rule"));
  row.key_fingerprint = form(event.get("key_fingerprint"));
  row.gateway = form(event.get("gateway"));
  const absl::StatusOr<SessionId> run = SessionId::from_text(event.get("gateway_run"));
  if (run.ok()) row.gateway_run = run->bytes();
  row.started_at_ns = time_of(event, "started_at");
  return row;
}

SessionEndRow derive_session_end(const Frame& frame, const Event& event, int64_t started_at_ns,
                                 FormatVersion version) {
  const TextForm form = form_of(version);
  SessionEndRow row;
  row.reason = form(event.get("reason"));
  row.detail = form(event.get("detail"));
  row.frames = frame.seq;
  if (frame.kind == FrameKind::kStop) {
    int64_t ended_at_ns = 0;
    if (__builtin_add_overflow(started_at_ns, frame.offset_ns, &ended_at_ns))
      ended_at_ns = INT64_MAX;  // the writer chose started_at freely
    row.ended_at_ns = ended_at_ns - ended_at_ns % kNsPerUs;
    return row;
  }
  row.ended_at_ns = time_of(event, "ended_at");
  row.bytes_in = event.get_number("bytes_in");
  row.bytes_out = event.get_number("bytes_out");
  return row;
}

std::optional<ChannelRow> derive_channel(const Frame& frame, const Event& event,
                                         FormatVersion version) {
  if (frame.kind != FrameKind::kChannelOpen) return std::nullopt;
  return ChannelRow{frame.channel, frame.seq, form_of(version)(event.get("type"))};
}

EventRow derive_event(const Frame& frame, const Event& event, FormatVersion version) {
  const TextForm form = form_of(version);
  EventRow row;
  row.seq = frame.seq;
  row.channel = frame.channel;
  row.kind = static_cast<uint16_t>(frame.kind);
  row.offset_ns = frame.offset_ns;
  row.fields = fields_json(event);
  row.name = kind_name(frame.kind);
  if (is_request(frame.kind) || frame.kind == FrameKind::kReplyOut)
    row.name = form(event.get("request"));
  if (is_request(frame.kind)) row.text = request_text(event, form);
  std::string_view keys = searched_fields(frame.kind);
  while (!keys.empty()) {
    const size_t end = std::min(keys.find(' '), keys.size());
    const std::string value = form(event.get(keys.substr(0, end)));
    keys.remove_prefix(std::min(end + 1, keys.size()));
    if (value.empty()) continue;
    if (!row.text.empty()) row.text += ' ';
    row.text += value;
  }
  return row;
}

std::string fields_json(const Event& event) {
  Json object = Json::object();
  for (const auto& [key, value] : event.fields()) {
    if (object.contains(key)) continue;
    if (is_utf8(value))
      object[key] = value;
    else
      object[key] = Json{{"base64", to_base64(value)}};
  }
  return object.dump();
}

absl::StatusOr<Event> fields_from_json(std::string_view json) {
  const Json object = Json::parse(json, nullptr, false);
  if (!object.is_object()) return absl::InvalidArgumentError("the fields are not a JSON object");
  Event event;
  for (const auto& [key, value] : object.items()) {
    std::string bytes;
    if (value.is_string())
      bytes = value.get<std::string>();
    else if (!value.is_object() || !value.contains("base64") || !value["base64"].is_string() ||
             !from_base64(value["base64"].get<std::string>(), &bytes))
      return absl::InvalidArgumentError("a field is neither a string nor base64");
    event.add(key, bytes);
  }
  return event;
}

}  // namespace gatetape
