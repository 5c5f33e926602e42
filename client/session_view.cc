#include "client/session_view.h"

#include <algorithm>

#include "base/bytes.h"
#include "client/times.h"
#include "record/frame.h"
#include "record/session_id.h"

namespace gatetape::client {
namespace {

namespace v1 = audit::v1;

// The most channels that an error message names. A session may have opened thousands, and the
// message is one line.
constexpr size_t kChannelsNamedMax = 20;

Cell state_cell(const std::string& state) {
  Cell cell = Cell::of_text(state);
  if (state == "live") cell.color = "32";
  if (state == "interrupted") cell.color = "33";
  return cell;
}

// id_cell returns the whole id for programs, and the short one for people when auditd sent it.
Cell id_cell(const v1::Session& session) {
  Cell cell = Cell::of_text(id_text(session.session_id()));
  if (!session.short_id().empty()) cell.text = printable(session.short_id());
  return cell;
}

Cell bytes_cell(uint64_t bytes) { return {bytes, format_bytes(bytes), nullptr}; }

// channels_text returns for example "no channels", "channel 1", or "channels 1, 2, 3".
std::string channels_text(const std::vector<uint32_t>& channels) {
  if (channels.empty()) return "no channels";
  std::string text = channels.size() == 1 ? "channel " : "channels ";
  const size_t named = std::min(channels.size(), kChannelsNamedMax);
  for (size_t i = 0; i < named; i++) text += (i == 0 ? "" : ", ") + std::to_string(channels[i]);
  if (named < channels.size()) text += " and " + std::to_string(channels.size() - named) + " more";
  return text;
}

absl::Status no_such_channel(const std::vector<uint32_t>& channels, uint32_t asked) {
  return absl::NotFoundError("the session has no channel " + std::to_string(asked) + "; it has " +
                             channels_text(channels));
}

}  // namespace

std::vector<Column> session_columns(const std::string& kind) {
  const bool people = kind != "system";
  return {{"id"},
          {"kind", false},
          {"started_at"},
          {"ended_at", false},
          {"duration_s", true, true, "DURATION"},
          {"state"},
          {"user", people},
          {"login", people},
          {"target", people},
          {"target_address", false},
          {"source", people},
          {"end_reason"},
          {"bytes_in", true, true},
          {"bytes_out", true, true},
          {"frames", false, true},
          {"head", false},
          {"rule", false},
          {"key_fingerprint", false},
          {"gateway", !people}};
}

std::vector<Cell> session_cells(const v1::Session& session, const Context& context,
                                int64_t now_ns) {
  int64_t end_ns = session.ended_at_unix_ns();
  if (end_ns == 0 && session.state() == "live") end_ns = now_ns;
  Cell duration{nullptr, "-", nullptr};
  if (end_ns != 0) {
    const int64_t ns = end_ns - session.started_at_unix_ns();
    duration = {static_cast<double>(ns) / 1e9, format_span(ns), nullptr};
  }
  return {id_cell(session),
          Cell::of_text(session.kind()),
          time_cell(session.started_at_unix_ns(), context),
          time_cell(session.ended_at_unix_ns(), context),
          duration,
          state_cell(session.state()),
          Cell::of_text(session.user()),
          Cell::of_text(session.login()),
          Cell::of_text(session.target()),
          Cell::of_text(session.target_address()),
          Cell::of_text(session.source()),
          Cell::of_text(session.end_reason()),
          bytes_cell(session.bytes_in()),
          bytes_cell(session.bytes_out()),
          Cell::of_number(session.frames()),
          Cell::of_text(to_hex(session.head())),
          Cell::of_text(session.rule()),
          Cell::of_text(session.key_fingerprint()),
          Cell::of_text(session.gateway())};
}

std::string id_text(const std::string& session_id) {
  const auto id = SessionId::from_bytes(session_id);
  return id.ok() ? id->to_text() : to_hex(session_id);
}

Cell time_cell(int64_t unix_ns, const Context& context) {
  if (unix_ns == 0) return {nullptr, "-", nullptr};
  return {format_rfc3339(unix_ns, context.local_time), format_time(unix_ns, context.local_time),
          nullptr};
}

absl::StatusOr<uint32_t> pick_channel(const audit::v1::SessionDetail& detail, uint32_t asked) {
  std::vector<uint32_t> channels;
  for (const v1::Event& event : detail.events())
    if (event.kind() == static_cast<uint32_t>(FrameKind::kChannelOpen))
      channels.push_back(event.channel());
  for (uint32_t channel : channels)
    if (channel == asked) return channel;
  if (asked != 0 && detail.events_cut())
    return asked;  // its event may be one of those that were cut: see OpenedChannels
  if (asked != 0) return no_such_channel(channels, asked);
  if (channels.size() <= 1) return channels.empty() ? 0 : channels.front();
  return absl::InvalidArgumentError("the session has " + channels_text(channels) +
                                    ": choose one with --channel");
}

Event fields_of(const v1::Event& event) {
  Event fields;
  for (const v1::Field& field : event.fields()) fields.add(field.key(), field.value());
  return fields;
}

std::optional<ScreenSize> largest_screen(const v1::SessionDetail& detail, uint32_t channel) {
  std::optional<ScreenSize> largest;
  for (const v1::Event& event : detail.events()) {
    if (event.channel() != channel) continue;
    const auto size = screen_size_of(static_cast<FrameKind>(event.kind()), fields_of(event));
    if (!size) continue;
    if (!largest) largest.emplace();
    largest->columns = std::max(largest->columns, size->columns);
    largest->rows = std::max(largest->rows, size->rows);
  }
  return largest;
}

void OpenedChannels::add(const Frame& frame) {
  if (frame.kind == FrameKind::kChannelOpen) channels_.push_back(frame.channel);
}

absl::Status OpenedChannels::check(uint32_t asked) const {
  if (asked == 0 || std::find(channels_.begin(), channels_.end(), asked) != channels_.end())
    return absl::OkStatus();
  return no_such_channel(channels_, asked);
}

std::string verdict_word(const v1::Verdict& verdict) {
  switch (verdict.result()) {
    case v1::Verdict::RESULT_INTACT:
      return "intact";
    case v1::Verdict::RESULT_TAMPERED:
      return "tampered";
    case v1::Verdict::RESULT_UNSIGNED:
      return "unsigned";
    default:
      return "unknown";
  }
}

const char* verdict_color(const v1::Verdict& verdict) {
  switch (verdict.result()) {
    case v1::Verdict::RESULT_INTACT:
      return "32";
    case v1::Verdict::RESULT_UNSIGNED:
      return "33";
    default:
      return "31";
  }
}

}  // namespace gatetape::client
