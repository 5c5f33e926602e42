#include "record/derived.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "formats/ssh_request.h"
#include "record/session_id.h"

namespace gatetape {
namespace {

constexpr int64_t kNsPerUs = 1000;
// ordered_json keeps the order of the event's fields.
using Json = nlohmann::ordered_json;

std::string text_of(const Event& event, std::string_view key) { return printable(event.get(key)); }

int64_t time_of(const Event& event, std::string_view key) {
  const auto ns = static_cast<int64_t>(event.get_number(key));
  return ns - ns % kNsPerUs;
}

bool is_request(FrameKind kind) {
  return kind == FrameKind::kRequestIn || kind == FrameKind::kRequestOut;
}

std::string request_text(const Event& event) {
  const absl::StatusOr<SshRequest> request =
      parse_ssh_request(event.get("request"), event.get("data"));
  return request.ok() ? describe(*request) : text_of(event, "data");
}

}  // namespace

SessionRow derive_session(const Frame& frame, const Event& event) {
  SessionRow row;
  row.kind = frame.kind == FrameKind::kStart                    ? "system"
             : event.get("kind") == std::string_view("forward") ? "forward"
                                                                : "session";
  row.user = text_of(event, "user");
  row.login = text_of(event, "login");
  row.target = text_of(event, "target");
  row.target_address = text_of(event, "target_address");
  const absl::StatusOr<HostPort> source = parse_host_port(event.get("source"));
  if (source.ok() && !parse_ip(source->host).empty()) {
    row.source_ip = source->host;
    row.source_port = source->port;
  }
  row.rule = text_of(event, "rule");
  row.key_fingerprint = text_of(event, "key_fingerprint");
  row.gateway = text_of(event, "gateway");
  const absl::StatusOr<SessionId> run = SessionId::from_text(event.get("gateway_run"));
  if (run.ok()) row.gateway_run = run->bytes();
  row.started_at_ns = time_of(event, "started_at");
  return row;
}

SessionEndRow derive_session_end(const Frame& frame, const Event& event, int64_t started_at_ns) {
  SessionEndRow row;
  row.reason = text_of(event, "reason");
  row.detail = text_of(event, "detail");
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

std::optional<ChannelRow> derive_channel(const Frame& frame, const Event& event) {
  if (frame.kind != FrameKind::kChannelOpen) return std::nullopt;
  return ChannelRow{frame.channel, frame.seq, text_of(event, "type")};
}

EventRow derive_event(const Frame& frame, const Event& event) {
  EventRow row;
  row.seq = frame.seq;
  row.channel = frame.channel;
  row.kind = static_cast<uint16_t>(frame.kind);
  row.offset_ns = frame.offset_ns;
  row.fields = fields_json(event);
  row.name = kind_name(frame.kind);
  if (is_request(frame.kind) || frame.kind == FrameKind::kReplyOut)
    row.name = text_of(event, "request");
  if (is_request(frame.kind)) row.text = request_text(event);
  std::string_view keys = searched_fields(frame.kind);
  while (!keys.empty()) {
    const size_t end = std::min(keys.find(' '), keys.size());
    const std::string value = text_of(event, keys.substr(0, end));
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
