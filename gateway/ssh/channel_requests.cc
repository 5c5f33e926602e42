// The requests of a channel on their way: to the target, and the answers and notices to the user.
#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "gateway/ssh/channel.h"
#include "gateway/ssh/shim.h"
#include "policy/channel_rules.h"

namespace gatetape::gateway {
namespace {

constexpr size_t kStepBytes = 256;            // of a request beside its data, about
constexpr uint32_t kRefusedExitStatus = 255;  // as of an ssh that failed itself

}  // namespace

// A peer that never ends a key exchange must not make libssh keep requests without end.
int Channel::send_request(Side& side, const Event& request, bool want_reply) {
  const uint64_t sent = side.peer->packets_sent();
  const std::string_view data = request.get("data");
  const int result = send_channel_request(side.handle, request.get("request"), data, want_reply);
  side.kept_bytes = side.peer->packets_sent() == sent && !want_reply
                        ? side.kept_bytes + data.size() + kStepBytes
                        : 0;
  if (side.kept_bytes > kStepBytesMax) owner_.on_misuse("more requests than the other side takes");
  return result;
}

// One request at a time on a channel; its answer is recorded before the user gets it.
bool Channel::write_request_in(const Frame& frame) {
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  const bool want_reply = event->get("want_reply") == "1";
  const int result = send_request(target_, *event, want_reply);
  if (result == SSH_AGAIN) return false;
  if (want_reply) {
    const Event reply{{"request", std::string(event->get("request"))},
                      {"ok", result == SSH_OK ? "1" : "0"}};
    offer(FrameKind::kReplyOut, reply.encode());
  }
  return true;
}

// A denied request of the user travels behind those that were passed to the target, so that the
// answers keep their order; only then its notice is offered. A client whose program is refused
// leaves without showing the notice, so for it the program has started, and ended.
void Channel::notice_denial(const Frame& frame) {
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  if (event->get("side") != "user") return;
  const bool ends_channel = starts_program(event->get("name")) && !started_;
  Event notice;
  notice.add("text", "gatetape: " + printable(event->get("name")) + ": " +
                         std::string(event->get("reason")) + "\r\n");
  notice.add("want_reply", event->get("want_reply"));
  if (ends_channel) notice.add("exit_status", std::to_string(kRefusedExitStatus));
  offer(FrameKind::kNotice, notice.encode());
  if (!ends_channel || std::exchange(target_.close_offered, true)) return;
  offer(FrameKind::kEofOut, "");
  offer(FrameKind::kCloseOut, "");
}

// The reason as text on stderr, with the answer that the request wants. What libssh has no window
// for it drops: a text alone waits for one.
bool Channel::write_notice(const Frame& frame) {
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  const std::string_view text = event->get("text");
  const bool wants_reply = event->get("want_reply") == "1";
  if (wants_reply && rights_.empty()) return false;
  const bool ends_channel = !event->get("exit_status").empty();
  if (wants_reply) answer_request(ends_channel);
  if (user_.close_seen) return true;
  if (!wants_reply && !ends_channel && ssh_channel_window_size(user_.handle) < text.size())
    return false;
  ssh_channel_write_stderr(user_.handle, text.data(), static_cast<uint32_t>(text.size()));
  if (!ends_channel) return true;
  std::string status;
  put_u32(&status, kRefusedExitStatus);
  send_channel_request(user_.handle, "exit-status", status, false);
  return true;
}

bool Channel::answer_request(bool ok) {
  if (rights_.empty()) return false;  // the message is still in libssh's queue
  const ssh_message right = rights_.front();
  rights_.pop_front();
  rights_owed_--;
  if (!user_.close_seen) {
    if (ok) {
      ssh_message_channel_request_reply_success(right);
    } else {
      ssh_message_reply_default(right);
    }
  }
  ssh_message_free(right);
  return true;
}

}  // namespace gatetape::gateway
