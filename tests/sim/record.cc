#include "tests/sim/record.h"

#include <utility>

#include "base/bytes.h"

namespace gatetape::sim {
namespace {

// SessionId::mint reads random bytes from OpenSSL. Here the random bytes must come from the seed.
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

Record::Record(const Place& place, uint64_t window_bytes, Claim claim)
    : place_(place),
      claim_(std::move(claim)),
      recording_({.session = mint(place.world),
                  .commit_key = place.world->rng.bytes(kCommitKeyBytes),
                  .window_bytes = window_bytes,
                  .forced_bytes_max = 4 * window_bytes + kForcedBytesMax,
                  .key = place.key,
                  .is_own = claim_ == nullptr},
                 *this),
      number_(place.oracle->add_session(recording_.session(), recording_.keys().commit_key(),
                                        window_bytes)) {
  recording_.set_owner(this);
  place_.link->open(number_, recording_.session(), recording_.keys().commit_key(), this);
}

void Record::claim() {
  claim_(number_, recording_.session(), [this](const absl::Status& claimed) {
    recording_.on_claimed(claimed);
    place_.oracle->on_released(number_, recording_.released_seq());
  });
}

void Record::add(tee::FramePtr frame) {
  place_.oracle->on_offered(number_, frame->frame);
  place_.link->add(number_, std::move(frame));
}

void Record::close(tee::FramePtr last, tee::CloseItem head) {
  add(std::move(last));
  place_.oracle->on_over(number_, in_order_);
  place_.link->close(number_, std::move(head));
}

void Record::on_closed(const SessionHead&) { place_.oracle->on_closed(number_); }

void Record::on_failed(const std::string& reason) {
  place_.oracle->on_refused(number_, reason);
  place_.link->forget(number_);
}

void Record::on_event(const tee::TeeEvent& event) {
  recording_.on_event(event);
  place_.oracle->on_released(number_, recording_.released_seq());
}

void Record::on_released(tee::FramePtr frame) {
  if (owner_ != nullptr) owner_->on_released(std::move(frame));
}

void Record::on_record_failed(const std::string& reason) {
  if (owner_ != nullptr) owner_->on_record_failed(reason);
}

}  // namespace gatetape::sim
