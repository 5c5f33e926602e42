// RecordedAnswers: what a user asks for outside of a session (a login, a channel on the outer
// connection), and the answers. Each question is a frame of the gateway's own session, and its
// answer waits until that frame is durable. Pure; owned by a connection, session loop only.
#pragma once

#include <cstdint>
#include <map>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "record/event.h"
#include "record/frame.h"

namespace gatetape::gateway {

class RecordedAnswers {
 public:
  class Port {
   public:
    virtual ~Port() = default;
    // record offers a frame. The result arrives as RecordedAnswers::on_recorded, never inside this
    // call.
    virtual void record(uint64_t number, FrameKind kind, const Event& event) = 0;
    // on_unrecorded is called when a question could not be recorded: it is never answered.
    virtual void on_unrecorded(const absl::Status& why) = 0;
  };

  explicit RecordedAnswers(Port& port) : port_(port) {}

  // ask records a question. `answer` is called once, when the question is durable. It is destroyed
  // without a call when the question could not be recorded, or when this object ends before.
  void ask(FrameKind kind, const Event& event, int64_t now_ns, absl::AnyInvocable<void()> answer);
  // on_recorded accepts the result for one question. The numbers are 1, 2, 3 ...
  void on_recorded(uint64_t number, const absl::Status& recorded);
  size_t waiting() const { return questions_.size(); }
  // waiting_ns returns how long the oldest unanswered question has waited, 0 when none waits.
  int64_t waiting_ns(int64_t now_ns) const;

 private:
  struct Question {
    int64_t asked_ns;
    absl::AnyInvocable<void()> answer;
  };

  Port& port_;
  uint64_t last_ = 0;
  std::map<uint64_t, Question> questions_;  // the questions that wait, by number
};

}  // namespace gatetape::gateway
