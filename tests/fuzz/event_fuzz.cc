// Fuzz target of events and of what is read out of them: derived rows, their JSON, SSH requests and
// session ids. The input is the payload of an event, and at the same time JSON, the data of a
// request, and the text of an id.

#include <algorithm>
#include <cctype>
#include <set>

#include "base/endpoint.h"
#include "formats/ssh_request.h"
#include "record/derived.h"
#include "record/event.h"
#include "record/session_id.h"
#include "tests/fuzz/fuzz.h"

namespace gatetape::fuzz {
namespace {

// first_of_each returns the event without the second field of any key.
Event first_of_each(const Event& event) {
  std::set<std::string> seen;
  Event first;
  for (const auto& [key, value] : event.fields())
    if (seen.insert(key).second) first.add(key, value);
  return first;
}

void check_json(std::string_view json) {
  const auto event = fields_from_json(json);
  if (!event.ok()) return;
  const Event first = first_of_each(*event);
  const auto again = fields_from_json(fields_json(*event));
  CHECK(again.ok(), again.status());
  CHECK(again->fields() == first.fields(), fields_json(*event));
}

void check_session(const Frame& frame, const Event& event) {
  const SessionRow row = derive_session(frame, event);
  for (const std::string& text : {row.kind, row.user, row.login, row.target, row.target_address,
                                  row.source_ip, row.rule, row.key_fingerprint, row.gateway})
    check_shown(text);
  CHECK(row.source_ip.empty() || !parse_ip(row.source_ip).empty(), row.source_ip);
  CHECK(row.gateway_run.empty() || row.gateway_run.size() == 16, row.gateway_run.size());
  CHECK(row.started_at_ns % 1000 == 0, row.started_at_ns);
  const SessionEndRow end = derive_session_end(frame, event, row.started_at_ns);
  check_shown(end.reason);
  check_shown(end.detail);
  CHECK(end.ended_at_ns % 1000 == 0, end.ended_at_ns);
}

void check_rows(const Event& event, uint64_t offset_ns) {
  for (uint16_t kind = 0; kind < 64; kind++) {
    if (!is_known(kind) || is_bytes(static_cast<FrameKind>(kind))) continue;
    const Frame frame{7, 1, static_cast<FrameKind>(kind), offset_ns & INT64_MAX, event.encode()};
    const EventRow row = derive_event(frame, event);
    check_shown(row.name);
    check_shown(row.text);
    CHECK(row.fields == fields_json(event));
    const auto channel = derive_channel(frame, event);
    CHECK(channel.has_value() == (frame.kind == FrameKind::kChannelOpen), kind);
    if (channel) check_shown(channel->type);
    check_session(frame, event);
  }
}

std::string encode(const SshRequest& request) {
  std::string data;
  const auto put_size = [&] {
    for (uint32_t n : {request.columns, request.rows, request.width_px, request.height_px})
      put_u32(&data, n);
  };
  if (request.name == "exec") put_string(&data, request.command);
  if (request.name == "subsystem") put_string(&data, request.subsystem);
  if (request.name == "env") put_string(&data, request.env_name);
  if (request.name == "env") put_string(&data, request.env_value);
  if (request.name == "pty-req") put_string(&data, request.term);
  if (request.name == "pty-req" || request.name == "window-change") put_size();
  if (request.name == "pty-req") put_string(&data, request.modes);
  if (request.name == "signal") put_string(&data, request.signal);
  if (request.name == "exit-status") put_u32(&data, request.exit_status);
  return data;
}

void check_request(std::string_view data) {
  for (const char* name : {"exec", "subsystem", "env", "pty-req", "window-change", "signal",
                           "exit-status", "exit-signal", "shell", "x11-req"}) {
    const auto request = parse_ssh_request(name, data);
    if (!request.ok()) continue;
    check_shown(describe(*request));
    const std::string again = encode(*request);
    if (request->name != "exit-signal" && request->name != "x11-req") CHECK(again == data, name);
    if (request->name == "x11-req") continue;
    CHECK(!parse_ssh_request(name, std::string(data) + '\0').ok(), name);
  }
}

void check_id(std::string_view text) {
  const auto id = SessionId::from_text(text);
  if (!id.ok()) return;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return static_cast<char>(std::tolower(c)); });
  CHECK(id->to_text() == lower, id->to_text());
  const auto again = SessionId::from_bytes(id->bytes());
  CHECK(again.ok() && *again == *id);
}

void check_payload(std::string_view payload) {
  const auto event = Event::decode(payload);
  if (!event.ok()) return;
  CHECK(event->encode() == payload);
  CHECK(!Event::decode(std::string(payload) + '\0').ok());
  for (const auto& [key, value] : event->fields()) {
    CHECK(!key.empty() && key.size() <= 64, key.size());
    CHECK(key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos);
  }
  const auto fields = fields_from_json(fields_json(*event));
  CHECK(fields.ok(), fields.status());
  CHECK(fields->fields() == first_of_each(*event).fields());
  check_rows(*event, event->get_number("offset_ns"));
}

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  const std::string_view bytes = fuzz::input(data, size);
  fuzz::check_payload(bytes);
  fuzz::check_json(bytes);
  fuzz::check_request(bytes);
  fuzz::check_id(bytes);
  return 0;
}
