#include "gateway/session/recorded_answers.h"

#include "base/check.h"

namespace gatetape::gateway {

uint64_t RecordedAnswers::ask(FrameKind kind, const Event& event, int64_t now_ns) {
  const uint64_t number = ++last_;
  asked_ns_[number] = now_ns;
  port_.record(number, kind, event);
  CHECK(asked_ns_.contains(number), number);
  return number;
}

void RecordedAnswers::on_recorded(uint64_t number, const absl::Status& recorded) {
  const size_t erased = asked_ns_.erase(number);
  CHECK(erased == 1, number, last_);
  if (recorded.ok()) return port_.answer(number);
  port_.on_unrecorded(recorded);
}

int64_t RecordedAnswers::waiting_ns(int64_t now_ns) const {
  return asked_ns_.empty() ? 0 : now_ns - asked_ns_.begin()->second;
}

}  // namespace gatetape::gateway
