#include "tests/sim/wire.h"

#include <algorithm>
#include <utility>

namespace gatetape::sim {

void Wire::send(Message message) {
  if (cancelled_) return;
  to_recorder_.emplace_back(std::move(message));
  schedule_to_recorder();
}

void Wire::half_close() {
  to_recorder_.emplace_back(std::nullopt);
  schedule_to_recorder();
}

void Wire::cancel() {
  if (std::exchange(cancelled_, true)) return;
  to_link_.clear();
  if (world_->strikes(world_->faults.delivered_late)) {
    stalled_until_ns_ = world_->now_ns() + world_->rng.between(0, 20 * kS);
    world_->note("sent messages arrive late", 0, to_recorder_.size());
  } else {
    to_recorder_.clear();
  }
  half_close();
}

void Wire::answer(record::v1::RecordResponse response) {
  if (cancelled_ || ended_ || mute_) return;
  if (world_->strikes(world_->faults.answer_lost)) {
    world_->note("answers are lost from here on");
    mute_ = true;
    return;
  }
  to_link_.emplace_back(std::move(response));
  schedule_to_link(0);
}

void Wire::end() {
  if (cancelled_ || mute_ || std::exchange(ended_, true)) return;
  if (world_->strikes(0.5)) to_link_.clear();
  to_link_.emplace_back(std::nullopt);
  schedule_to_link(0);
}

// A machine that dies sends nothing, and the link's keepalive notices it later.
void Wire::die() {
  to_recorder_.clear();
  recorder_.reset();
  if (cancelled_ || std::exchange(ended_, true)) return;
  if (world_->strikes(0.5)) to_link_.clear();
  to_link_.emplace_back(std::nullopt);
  schedule_to_link(world_->strikes(0.3) ? 4 * kS : 0);
}

void Wire::schedule_to_recorder() {
  to_recorder_at_ns_ =
      std::max(to_recorder_at_ns_, world_->now_ns() + world_->rng.between(20 * kUs, 400 * kUs));
  world_->after(to_recorder_at_ns_ - world_->now_ns(),
                [self = shared_from_this()] { self->deliver_to_recorder(); });
}

void Wire::schedule_to_link(int64_t delay_ns) {
  to_link_at_ns_ = std::max(to_link_at_ns_,
                            world_->now_ns() + delay_ns + world_->rng.between(20 * kUs, 400 * kUs));
  world_->after(to_link_at_ns_ - world_->now_ns(),
                [self = shared_from_this()] { self->deliver_to_link(); });
}

void Wire::deliver_to_recorder() {
  if (to_recorder_.empty()) return;
  const std::shared_ptr<RecorderEnd> recorder = recorder_.lock();
  if (recorder == nullptr) return to_recorder_.clear();
  const int64_t stalled_ns = stalled_until_ns_ - world_->now_ns();
  if (stalled_ns > 0 || !recorder->has_room()) {
    world_->after(std::max(stalled_ns, 2 * kMs),
                  [self = shared_from_this()] { self->deliver_to_recorder(); });
    return;
  }
  std::optional<Message> message = std::move(to_recorder_.front());
  to_recorder_.pop_front();
  if (message)
    recorder->on_message(*std::move(message));
  else
    recorder->on_half_close();
  if (!cancelled_) link_->on_room();
}

void Wire::deliver_to_link() {
  if (to_link_.empty() || cancelled_) return;
  const std::optional<record::v1::RecordResponse> response = std::move(to_link_.front());
  to_link_.pop_front();
  if (response)
    link_->on_response(this, *response);
  else
    link_->on_end(this);
}

}  // namespace gatetape::sim
