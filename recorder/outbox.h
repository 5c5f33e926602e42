// Outbox: the answers of one stream that were not written yet. Durable is cumulative, so that it
// holds a bounded number of answers for each session however slowly the writer reads. Pure; its
// stream locks it.
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
  void put_bound(uint32_t handle, uint64_t seq, const Hash& root);
  // put_durable replaces an older durable of the session.
  void put_durable(uint32_t handle, uint64_t seq, const Hash& root);
  void put_closed(uint32_t handle, const SignedHead& head);
  void put_refusal(uint32_t handle, const Refusal& refusal);
  bool empty() const { return order_.empty(); }
  // fill moves the answers of at most `sessions_max` sessions into a response, first come, first
  // served. Of one session: bound, durable, closed, refusal.
  void fill(record::v1::RecordResponse* response, size_t sessions_max);

 private:
  struct Answers {
    std::optional<record::v1::Durable> bound;
    std::optional<record::v1::Durable> durable;
    std::optional<record::v1::Closed> closed;
    std::optional<record::v1::Refusal> refusal;
  };

  Answers& answers_of(uint32_t handle);

  std::map<uint32_t, Answers> answers_;
  std::deque<uint32_t> order_;  // keys of answers_
};

}  // namespace gatetape::recorder
