#include "tests/sim/recording.h"

#include <utility>

#include "base/bytes.h"

namespace gatetape::sim {
namespace {

// SessionId::mint takes its randomness from OpenSSL; here the seed decides.
SessionId mint(World* world) {
  std::string bytes;
  put_u64(&bytes, static_cast<uint64_t>(world->wall_ns() / kMs) << 16);
  bytes.resize(6);
  put_u64(&bytes, world->rng.next());
  put_u16(&bytes, static_cast<uint16_t>(world->rng.next()));
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x70);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  return *SessionId::from_bytes(bytes);
}

}  // namespace

Recording::Recording(World* world, Oracle* oracle, Link* link, const SigningKey* key,
                     uint64_t window_bytes, Owner* owner)
    : world_(world),
      oracle_(oracle),
      link_(link),
      key_(key),
      window_bytes_(window_bytes),
      owner_(owner),
      started_ns_(world->mono_ns()),
      gate_(mint(world), world->rng.bytes(kCommitKeyBytes), window_bytes),
      number_(oracle->add_session(gate_.session(), gate_.commit_key(), window_bytes)) {
  link_->open(number_, gate_.session(), gate_.commit_key(), this);
}

void Recording::offer(uint32_t channel, FrameKind kind, std::string payload) {
  if (ended_) return;
  if (kind == FrameKind::kIn) bytes_in_ += payload.size();
  if (kind == FrameKind::kOut || kind == FrameKind::kErr) bytes_out_ += payload.size();
  oracle_->on_offered(number_, channel, kind, payload);
  const auto offset_ns = static_cast<uint64_t>(world_->mono_ns() - started_ns_);
  link_->add(number_, gate_.offer(channel, kind, offset_ns, std::move(payload)));
}

int64_t Recording::waiting_ns() const {
  const tee::FramePtr oldest = gate_.oldest_pending();
  if (oldest == nullptr) return 0;
  return world_->mono_ns() - started_ns_ - static_cast<int64_t>(oldest->frame.offset_ns);
}

void Recording::end(const std::string& reason, bool in_order) {
  owner_ = nullptr;
  if (ended_) return;
  Event event{{"reason", reason}};
  event.add_number("bytes_in", bytes_in_).add_number("bytes_out", bytes_out_);
  event.add_number("frames", gate_.offered_seq() + 1);
  event.add_number("ended_at", static_cast<uint64_t>(world_->wall_ns()));
  close(FrameKind::kSessionEnd, event, in_order);
}

void Recording::stop() {
  if (!ended_) close(FrameKind::kStop, Event{{"reason", "shutdown"}}, true);
}

void Recording::close(FrameKind kind, const Event& event, bool in_order) {
  offer(0, kind, event.encode());
  ended_ = true;
  oracle_->on_over(number_, in_order);
  const SessionHead head = gate_.head();
  link_->close(number_,
               {head.size, head.root, key_->sign(head.signed_text()), key_->public_key().raw});
}

void Recording::on_event(const tee::TeeEvent& event) {
  switch (event.type) {
    case tee::TeeEvent::Type::kDurable: {
      const absl::Status status = gate_.durable(event.seq, event.root);
      if (!status.ok()) return fail(std::string(status.message()));
      while (tee::FramePtr frame = gate_.release()) {
        oracle_->on_released(number_, frame->frame);
        if (owner_ != nullptr) owner_->on_released(std::move(frame));
      }
      return;
    }
    case tee::TeeEvent::Type::kClosed:
      return oracle_->on_closed(number_);
    case tee::TeeEvent::Type::kRefused:
      return fail(event.detail);
  }
}

void Recording::fail(const std::string& why) {
  oracle_->on_refused(number_, why);
  ended_ = true;
  link_->forget(number_);
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->on_record_failed(why);
}

}  // namespace gatetape::sim
