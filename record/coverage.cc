#include "record/coverage.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/text_escape.h"
#include "formats/ssh_request.h"
#include "formats/transfer_command.h"

namespace gatetape {
namespace {

// Rows that wait for an answer or for the end of their channel. A gateway leaves at most 64
// channels of 256 requests open. Above this limit the session is not covered, because its rows
// could take more than 64 MiB.
constexpr size_t kHeldRowsMax = 65'536;
constexpr char kAbsent[] = "its content is absent: it was redacted, sealed or erased";
constexpr char kNoAnswer[] = "no answer was recorded";

std::string cut(std::string text) {
  if (text.size() <= kCoverageTextBytesMax) return text;
  text.resize(kCoverageTextBytesMax);
  return text + "...";
}

bool starts_program(std::string_view request) {
  return request == "shell" || request == "exec" || request == "subsystem";
}

void make_opaque(std::string reason, CoverageRow* row) {
  row->state = CoverageState::kOpaque;
  row->reason = std::move(reason);
}

std::string undecoded_protocol(std::string_view name) {
  return absl::StrCat("its bytes are recorded, and gatetape does not decode the protocol of ",
                      escape_text(name));
}

// describe_request writes into the row what a request asks for, and whether this version can read
// it. The bytes are those of a peer.
void describe_request(std::string_view name, std::string_view data, CoverageRow* row) {
  row->what = cut(escape_text(name));
  const absl::StatusOr<SshRequest> request = parse_ssh_request(name, data);
  if (!request.ok() || (!request->is_decoded && !data.empty()))
    return make_opaque("its data is recorded, and gatetape does not decode it", row);
  row->text = cut(describe(*request));
  const std::string_view protocol =
      name == "subsystem" ? request->subsystem : transfer_program(request->command);
  if (!protocol.empty()) make_opaque(cut(undecoded_protocol(protocol)), row);
}

CoverageItem item_of_denial(std::string_view what) {
  return what == "channel"          ? CoverageItem::kChannel
         : what == "global_request" ? CoverageItem::kGlobalRequest
                                    : CoverageItem::kRequest;
}

void describe_denial(const Event& event, CoverageRow* row) {
  row->item = item_of_denial(event.get("what"));
  row->by_target = event.get("side") == "target";
  describe_request(event.get("name"), event.get("data"), row);
  row->state = CoverageState::kRefused;
  row->reason = cut(escape_text(event.get("reason")));
}

CoverageRow row_of(const Frame& frame, const Event& event) {
  CoverageRow row;
  row.seq = frame.seq;
  row.channel = frame.channel;
  row.by_target = frame.kind == FrameKind::kRequestOut;
  if (!is_written(static_cast<uint32_t>(frame.kind))) {
    row.what = kind_name(frame.kind);
    make_opaque("its bytes are recorded, and this version of gatetape does not know them", &row);
  } else if (frame.kind == FrameKind::kChannelOpen) {
    row.item = CoverageItem::kChannel;
    row.what = cut(escape_text(event.get("type")));
    row.by_target = event.get("side") == "target";
  } else if (frame.kind == FrameKind::kDenied) {
    describe_denial(event, &row);
  } else {
    row.item = CoverageItem::kRequest;
    describe_request(event.get("request"), event.get("data"), &row);
  }
  if (!frame.absent) return row;
  row.what = kind_name(frame.kind);
  make_opaque(kAbsent, &row);
  return row;
}

}  // namespace

const char* coverage_word(CoverageItem item) {
  switch (item) {
    case CoverageItem::kChannel:
      return "channel";
    case CoverageItem::kRequest:
      return "request";
    case CoverageItem::kGlobalRequest:
      return "global_request";
    case CoverageItem::kFrame:
      return "frame";
  }
  return "";
}

const char* coverage_word(CoverageState state) {
  switch (state) {
    case CoverageState::kRecorded:
      return "recorded";
    case CoverageState::kRefused:
      return "refused";
    case CoverageState::kOpaque:
      return "opaque";
  }
  return "";
}

absl::Status Coverage::add(const Frame& frame) {
  if (is_bytes(frame.kind)) {
    add_bytes(frame);
    return absl::OkStatus();
  }
  absl::StatusOr<Event> event = Event();
  if (!frame.absent) event = Event::decode(frame.payload);
  if (!event.ok())
    return absl::DataLossError(
        absl::StrCat("frame ", frame.seq, " is not readable: ", event.status().message()));
  add_event(frame, *event);
  if (held_.size() <= kHeldRowsMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("more than ", kHeldRowsMax, " channels and requests are open at frame ",
                   frame.seq, ": no gateway records such a session"));
}

void Coverage::add_event(const Frame& frame, const Event& event) {
  if (!is_written(static_cast<uint32_t>(frame.kind))) return pass(row_of(frame, event));
  switch (class_of(frame.kind)) {
    case FrameClass::kOpen:
      release(frame.channel);
      last_channel_ = std::max(last_channel_, frame.channel);
      channels_[frame.channel].opening = frame.seq;
      held_.emplace(frame.seq, row_of(frame, event));
      return;
    case FrameClass::kOpenReply:
      return answer_open(frame, event);
    case FrameClass::kRequest:
      return add_request(frame, event);
    case FrameClass::kReply:
      return answer_request(frame, event);
    case FrameClass::kDenial:
      return pass(row_of(frame, event));
    case FrameClass::kClose:
      return add_close(frame);
    case FrameClass::kBytes:
    case FrameClass::kNotice:
    case FrameClass::kEof:
    case FrameClass::kSession:
    case FrameClass::kSystem:
      return;
  }
}

void Coverage::add_bytes(const Frame& frame) {
  const uint64_t bytes = frame.absent ? frame.absent->bytes : frame.payload.size();
  const Channel* channel = find(frame.channel);
  if (channel == nullptr) {
    if (frame.channel <= last_channel_) late_bytes_ += bytes;
    return;
  }
  CoverageRow& row = held_.at(channel->program > 0 ? channel->program : channel->opening);
  (route_of(frame.kind) == Route::kToTarget ? row.bytes_in : row.bytes_out) += bytes;
  if (frame.absent) row.bytes_absent += bytes;
}

void Coverage::add_request(const Frame& frame, const Event& event) {
  CoverageRow row = row_of(frame, event);
  Channel* channel = find(frame.channel);
  if (channel == nullptr || row.by_target) return pass(std::move(row));
  const bool is_program = channel->program == 0 && starts_program(event.get("request"));
  const bool waits = event.get("want_reply") == "1";
  if (is_program) channel->program = frame.seq;
  if (waits) channel->waiting.push_back(frame.seq);
  if (!is_program && !waits) return pass(std::move(row));
  held_.emplace(frame.seq, std::move(row));
}

// A reply without its request is possible when the content of the request is absent.
void Coverage::answer_request(const Frame& frame, const Event& event) {
  Channel* channel = find(frame.channel);
  if (channel == nullptr || channel->waiting.empty()) return;
  const uint64_t seq = channel->waiting.front();
  if (held_.at(seq).what != cut(escape_text(event.get("request")))) return;
  channel->waiting.pop_front();
  const bool ok = event.get("ok") == "1";
  if (seq == channel->program) {
    if (ok) return;  // the row waits for the bytes of the program
    channel->program = 0;
  }
  pass_held(seq, ok ? "" : "the target refused it");
}

void Coverage::answer_open(const Frame& frame, const Event& event) {
  Channel* channel = find(frame.channel);
  if (channel == nullptr) return;
  channel->is_answered = true;
  if (frame.absent || event.get("ok") == "1") return;
  held_.at(channel->opening).reason =
      cut(absl::StrCat("the target refused it: ", escape_text(event.get("reason"))));
  release(frame.channel);
}

void Coverage::add_close(const Frame& frame) {
  Channel* channel = find(frame.channel);
  if (channel == nullptr) return;
  (route_of(frame.kind) == Route::kToTarget ? channel->closed_in : channel->closed_out) = true;
  if (channel->closed_in && channel->closed_out) release(frame.channel);
}

Coverage::Channel* Coverage::find(uint32_t number) {
  const auto found = channels_.find(number);
  return found == channels_.end() ? nullptr : &found->second;
}

// release passes on the rows of a channel that is over.
void Coverage::release(uint32_t number) {
  const auto found = channels_.find(number);
  if (found == channels_.end()) return;
  const Channel channel = std::move(found->second);
  channels_.erase(found);
  pass_held(channel.opening, channel.is_answered ? "" : kNoAnswer);
  for (const uint64_t seq : channel.waiting) pass_held(seq, kNoAnswer);
  if (held_.contains(channel.program)) pass_held(channel.program);
}

// pass_held passes on a row that waited. A reason that the row has already stays.
void Coverage::pass_held(uint64_t seq, std::string_view reason) {
  auto held = held_.extract(seq);
  CHECK(!held.empty(), seq);
  CoverageRow& row = held.mapped();
  if (row.reason.empty()) row.reason = reason;
  if (row.bytes_absent > 0)
    make_opaque(absl::StrCat(row.bytes_absent,
                             " of its bytes are absent: they were redacted, sealed or erased"),
                &row);
  pass(std::move(row));
}

void Coverage::finish() {
  while (!channels_.empty()) release(channels_.begin()->first);
  CHECK(held_.empty(), held_.size());
}

}  // namespace gatetape
