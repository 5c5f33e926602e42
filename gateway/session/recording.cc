#include "gateway/session/recording.h"

#include <utility>

#include "base/bytes.h"
#include "base/os/daemon.h"

namespace gatetape::gateway {

std::shared_ptr<Recording> Recording::start(Loop& loop, Services& services, Owner* owner) {
  // Shared by the session and the loop's event handler: it outlives the session until it is closed.
  std::shared_ptr<Recording> recording(new Recording(loop, services, owner));
  recording->handle_ =
      services.link.open(recording->session(), recording->gate_.commit_key(), &loop.inbox());
  loop.on_tee_event(recording->handle_,
                    [recording](const tee::TeeEvent& event) { recording->on_event(event); });
  services.live_sessions++;
  services.log.record_async(FrameKind::kSessionOpened,
                            Event{{"session", recording->session().to_text()}}, nullptr);
  return recording;
}

Recording::Recording(Loop& loop, Services& services, Owner* owner)
    : loop_(loop),
      services_(services),
      owner_(owner),
      window_bytes_(services.config.gateway.window_bytes),
      started_mono_ns_(loop.clock().mono_ns()),
      gate_(SessionId::mint(loop.clock().wall_ns()), random_bytes(kCommitKeyBytes), window_bytes_) {
}

tee::FramePtr Recording::seal(uint32_t channel, FrameKind kind, std::string payload) {
  const auto offset_ns = static_cast<uint64_t>(loop_.clock().mono_ns() - started_mono_ns_);
  return gate_.offer(channel, kind, offset_ns, std::move(payload));
}

uint64_t Recording::offer(uint32_t channel, FrameKind kind, std::string payload) {
  if (ended_) return 0;
  if (kind == FrameKind::kIn) bytes_in_ += payload.size();
  if (kind == FrameKind::kOut || kind == FrameKind::kErr) bytes_out_ += payload.size();
  tee::FramePtr frame = seal(channel, kind, std::move(payload));
  const uint64_t seq = frame->frame.seq;
  services_.link.add(handle_, std::move(frame));
  return seq;
}

uint64_t Recording::offer(uint32_t channel, FrameKind kind, const Event& event) {
  return offer(channel, kind, event.encode());
}

int64_t Recording::waiting_ns() const {
  const tee::FramePtr oldest = gate_.oldest_pending();
  if (oldest == nullptr) return 0;
  return loop_.clock().mono_ns() - started_mono_ns_ - static_cast<int64_t>(oldest->frame.offset_ns);
}

void Recording::end(const std::string& reason, const std::string& detail) {
  owner_ = nullptr;
  if (ended_) return;
  Event event{{"reason", reason}, {"detail", detail}};
  event.add_number("bytes_in", bytes_in_).add_number("bytes_out", bytes_out_);
  event.add_number("frames", gate_.offered_seq() + 1);
  event.add("ended_at", std::to_string(loop_.clock().wall_ns()));
  tee::FramePtr last = seal(0, FrameKind::kSessionEnd, event.encode());
  ended_ = true;
  services_.live_sessions--;
  const SessionHead head = gate_.head();
  const SigningKey& key = services_.signing_key;
  services_.link.close(handle_, std::move(last),
                       {head.size, head.root, key.sign(head.signed_text()), key.public_key().raw});
}

void Recording::on_event(const tee::TeeEvent& event) {
  switch (event.type) {
    case tee::TeeEvent::Type::kDurable: {
      const absl::Status status = gate_.durable(event.seq, event.root);
      if (!status.ok()) return fail(std::string(status.message()));
      while (tee::FramePtr frame = gate_.release())
        if (owner_ != nullptr) owner_->on_released(std::move(frame));
      return;
    }
    case tee::TeeEvent::Type::kClosed: {
      const SessionHead head = gate_.head();
      Event closed{{"session", session().to_text()}};
      closed.add_number("size", head.size).add("root", to_hex(view(head.root)));
      services_.log.record_async(FrameKind::kSessionClosed, closed, nullptr);
      loop_.drop_tee_events(handle_);
      return;
    }
    case tee::TeeEvent::Type::kRefused:
      return fail(event.detail);
  }
}

void Recording::fail(const std::string& reason) {
  log_error("session_record_failed", {{"session", session().to_text()}, {"reason", reason}});
  if (!ended_) services_.live_sessions--;
  ended_ = true;
  services_.link.forget(handle_);
  loop_.drop_tee_events(handle_);
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->on_record_failed(reason);
}

}  // namespace gatetape::gateway
