// Outbox: the answers of one stream that were not written yet. A durable answer is cumulative and
// replaces an older one, so that the outbox holds at most four answers per session however slowly
// the writer reads. Pure; the lock of the stream guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "gatetape/record/v1/record.pb.h"
#include "recorder/work.h"

namespace gatetape::recorder {

class Outbox {
 public:
  // put_bound accepts what the store holds of the session, seq 0 when it holds nothing.
  void put_bound(uint32_t handle, uint64_t seq, const Hash& root);
  // put_durable replaces an older durable answer of the session; `seq` is greater than before.
  void put_durable(uint32_t handle, uint64_t seq, const Hash& root);
  // put_closed accepts the signed head of a session. It is the session's last answer.
  void put_closed(uint32_t handle, const SignedHead& head);
  // put_refusal replaces an older refusal of the session.
  void put_refusal(uint32_t handle, const Refusal& refusal);
  bool empty() const { return order_.empty(); }
  // fill moves the answers of at most `sessions_max` sessions into a response. Sessions are served
  // in the order of their oldest answer. The answers of one session are written in the order bound,
  // durable, closed, refusal.
  void fill(record::v1::RecordResponse* response, size_t sessions_max);

 private:
  struct Answers {
    std::optional<record::v1::Durable> bound;
    std::optional<record::v1::Durable> durable;
    std::optional<record::v1::Closed> closed;
    std::optional<record::v1::Refusal> refusal;
  };

  // answers_of returns the answers of a session. A peer may use the handle of a session that it
  // closed for another one: when `closed` waits to be written, later answers are of that one.
  Answers& answers_of(uint32_t handle);

  std::map<uint32_t, Answers> answers_;
  std::deque<uint32_t> order_;  // the keys of answers_, the session with the oldest answer first
};

}  // namespace gatetape::recorder
