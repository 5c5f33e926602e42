#include "auditd/verify/derived_check.h"

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"

namespace gatetape::auditd {
namespace {

struct Column {
  const char* name;
  bool same;
};

// first_difference names the first column that is not the same, empty when all are.
std::string first_difference(std::initializer_list<Column> columns) {
  for (const Column& column : columns)
    if (!column.same) return column.name;
  return {};
}

bool same_json(const std::string& a, const std::string& b) {
  const auto left = nlohmann::json::parse(a, nullptr, false);
  const auto right = nlohmann::json::parse(b, nullptr, false);
  return !left.is_discarded() && left == right;
}

Problem event_problem(uint64_t seq, const std::string& what) {
  return {seq, absl::StrCat("frame ", seq, ": its event row ", what)};
}

}  // namespace

std::optional<Problem> check_session(const SessionRow& expected,
                                     const std::optional<SessionRow>& stored) {
  if (!stored) return Problem{0, "the session row is missing"};
  const std::string differs =
      first_difference({{"kind", stored->kind == expected.kind},
                        {"user_name", stored->user == expected.user},
                        {"login", stored->login == expected.login},
                        {"target", stored->target == expected.target},
                        {"target_address", stored->target_address == expected.target_address},
                        {"source_ip", stored->source_ip == expected.source_ip},
                        {"source_port", stored->source_port == expected.source_port},
                        {"rule", stored->rule == expected.rule},
                        {"key_fingerprint", stored->key_fingerprint == expected.key_fingerprint},
                        {"gateway", stored->gateway == expected.gateway},
                        {"gateway_run", stored->gateway_run == expected.gateway_run},
                        {"started_at", stored->started_at_ns == expected.started_at_ns}});
  if (differs.empty()) return std::nullopt;
  return Problem{1, "the session row's " + differs + " is not what frame 1 says"};
}

std::optional<Problem> check_end(const std::optional<SessionEndRow>& expected,
                                 const std::optional<SessionEndRow>& stored) {
  if (expected && !stored) return Problem{expected->frames, "the session_end row is missing"};
  if (!expected && stored) return Problem{0, "there is a session_end row, but no such frame"};
  if (!expected) return std::nullopt;
  const std::string differs =
      first_difference({{"ended_at", stored->ended_at_ns == expected->ended_at_ns},
                        {"reason", stored->reason == expected->reason},
                        {"detail", stored->detail == expected->detail},
                        {"bytes_in", stored->bytes_in == expected->bytes_in},
                        {"bytes_out", stored->bytes_out == expected->bytes_out},
                        {"frames", stored->frames == expected->frames}});
  if (differs.empty()) return std::nullopt;
  return Problem{expected->frames,
                 "the session_end row's " + differs + " is not what the last frame says"};
}

std::optional<Problem> check_events(const std::vector<EventRow>& expected,
                                    const std::vector<EventRow>& stored) {
  for (size_t i = 0; i < stored.size(); ++i) {
    const EventRow& row = stored[i];
    if (i == expected.size() || row.seq < expected[i].seq)
      return event_problem(row.seq, "belongs to no event");
    if (row.seq > expected[i].seq) return event_problem(expected[i].seq, "is missing");
    const std::string differs =
        first_difference({{"channel", row.channel == expected[i].channel},
                          {"kind", row.kind == expected[i].kind},
                          {"offset_ns", row.offset_ns == expected[i].offset_ns},
                          {"name", row.name == expected[i].name},
                          {"text", row.text == expected[i].text},
                          {"fields", same_json(row.fields, expected[i].fields)}});
    if (!differs.empty()) return event_problem(row.seq, "has another " + differs);
  }
  if (stored.size() < expected.size())
    return event_problem(expected[stored.size()].seq, "is missing");
  return std::nullopt;
}

std::optional<Problem> check_channels(const std::map<uint32_t, ChannelRow>& expected,
                                      const std::map<uint32_t, ChannelRow>& stored) {
  for (const auto& [channel, row] : expected) {
    const auto found = stored.find(channel);
    if (found == stored.end() || !(found->second == row))
      return Problem{row.opened_seq, absl::StrCat("the row of channel ", channel,
                                                  " is missing or is not what its frame says")};
  }
  for (const auto& [channel, row] : stored)
    if (!expected.contains(channel))
      return Problem{0, absl::StrCat("there is a row of channel ", channel, ", but no frame")};
  return std::nullopt;
}

}  // namespace gatetape::auditd
