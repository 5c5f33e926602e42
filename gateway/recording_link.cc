#include "gateway/recording_link.h"

#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/os/daemon.h"
#include "gateway/session/channel_core.h"

namespace gatetape::gateway {

std::shared_ptr<RecordingLink> RecordingLink::start(Loop& loop, Services& services) {
  // The session and the loop's event handler share the object.
  std::shared_ptr<RecordingLink> link(new RecordingLink(loop, services));
  const Recording& recording = link->recording_;
  link->handle_ =
      services.link.open(recording.session(), recording.keys().commit_key(), &loop.inbox());
  loop.on_tee_event(link->handle_,
                    [link](const tee::TeeEvent& event) { link->recording_.on_event(event); });
  services.live_sessions++;
  link->live_ = true;
  return link;
}

RecordingLink::RecordingLink(Loop& loop, Services& services)
    : loop_(loop),
      services_(services),
      recording_({.session = SessionId::mint(loop.clock().wall_ns()),
                  .commit_key = random_bytes(kCommitKeyBytes),
                  .window_bytes = services.config.gateway.window_bytes,
                  .forced_bytes_max = 4 * services.config.gateway.window_bytes +
                                      2 * ChannelLimits{}.window.max_bytes,
                  .key = &services.signing_key},
                 *this) {}

void RecordingLink::claim() {
  CHECK(live_, handle_);
  services_.log.record_async(
      FrameKind::kSessionOpened, Event{{"session", recording_.session().to_text()}},
      loop_.guarded<absl::Status>(
          guard_, [this](const absl::Status& claimed) { recording_.on_claimed(claimed); }));
}

void RecordingLink::add(tee::FramePtr frame) {
  CHECK(live_, frame->frame.seq);
  services_.link.add(handle_, std::move(frame));
}

void RecordingLink::close(tee::FramePtr last, tee::CloseItem head) {
  leave();
  services_.link.close(handle_, std::move(last), std::move(head));
}

void RecordingLink::on_closed(const SessionHead& head) {
  CHECK(!live_, head.size);
  Event closed{{"session", head.session.to_text()}};
  closed.add_number("size", head.size).add("root", to_hex(view(head.root)));
  services_.log.record_async(FrameKind::kSessionClosed, closed, nullptr);
  loop_.drop_tee_events(handle_);
}

void RecordingLink::on_failed(const std::string& reason) {
  log_error("session_record_failed",
            {{"session", recording_.session().to_text()}, {"reason", reason}});
  leave();
  services_.link.forget(handle_);
  loop_.drop_tee_events(handle_);
}

void RecordingLink::leave() {
  if (!std::exchange(live_, false)) return;
  const uint64_t live_sessions = services_.live_sessions--;
  CHECK(live_sessions > 0, live_sessions);
}

}  // namespace gatetape::gateway
