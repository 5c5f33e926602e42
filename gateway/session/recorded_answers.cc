#include "gateway/session/recorded_answers.h"

#include <utility>

#include "base/check.h"

namespace gatetape::gateway {

void RecordedAnswers::ask(FrameKind kind, const Event& event, int64_t now_ns,
                          absl::AnyInvocable<void()> answer) {
  const uint64_t number = ++last_;
  questions_[number] = {now_ns, std::move(answer)};
  port_.record(number, kind, event);
  CHECK(questions_.contains(number), number);
}

void RecordedAnswers::on_recorded(uint64_t number, const absl::Status& recorded) {
  auto node = questions_.extract(number);
  CHECK(!node.empty(), number, last_);
  if (recorded.ok()) return node.mapped().answer();
  port_.on_unrecorded(recorded);
}

int64_t RecordedAnswers::waiting_ns(int64_t now_ns) const {
  return questions_.empty() ? 0 : now_ns - questions_.begin()->second.asked_ns;
}

}  // namespace gatetape::gateway
