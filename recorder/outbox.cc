#include "recorder/outbox.h"

#include <utility>

#include "base/check.h"

namespace gatetape::recorder {
namespace {

record::v1::Durable durable_of(uint64_t seq, const Hash& root) {
  record::v1::Durable durable;
  durable.set_seq(seq);
  if (seq > 0) durable.set_root(std::string(view(root)));
  return durable;
}

}  // namespace

Outbox::Answers& Outbox::answers_of(uint32_t handle) {
  const auto found = answers_.try_emplace(handle);
  if (found.second) order_.push_back(handle);
  CHECK(order_.size() == answers_.size(), order_.size(), answers_.size());
  return found.first->second;
}

void Outbox::put_bound(uint32_t handle, uint64_t seq, const Hash& root) {
  Answers& answers = answers_of(handle);
  // A writer may bind the handle again behind a session that was closed or refused.
  CHECK(!answers.bound || answers.closed || answers.refusal, handle, seq);
  answers.bound = durable_of(seq, root);
}

void Outbox::put_durable(uint32_t handle, uint64_t seq, const Hash& root) {
  Answers& answers = answers_of(handle);
  CHECK(!answers.durable || answers.closed || answers.durable->seq() < seq, handle, seq);
  answers.durable = durable_of(seq, root);
}

void Outbox::put_closed(uint32_t handle, const SignedHead& head) {
  Answers& answers = answers_of(handle);
  CHECK(!answers.durable || answers.closed || answers.durable->seq() <= head.head.size, handle);
  record::v1::Closed& closed = answers.closed.emplace();
  closed.set_signature(head.recorder_signature);
  closed.set_public_key(head.recorder_key);
}

void Outbox::put_refusal(uint32_t handle, const Refusal& refusal) {
  CHECK(!refusal.detail.empty(), handle, static_cast<int>(refusal.code));
  record::v1::Refusal& answer = answers_of(handle).refusal.emplace();
  answer.set_code(refusal.code);
  answer.set_detail(refusal.detail);
}

void Outbox::fill(record::v1::RecordResponse* response, size_t sessions_max) {
  for (; !order_.empty() && sessions_max > 0; sessions_max--) {
    auto node = answers_.extract(order_.front());
    order_.pop_front();
    CHECK(!node.empty() && order_.size() == answers_.size(), order_.size(), answers_.size());
    Answers& answers = node.mapped();
    const auto add = [&] {
      record::v1::Answer* answer = response->add_answers();
      answer->set_session_handle(node.key());
      return answer;
    };
    if (answers.bound) *add()->mutable_bound() = *std::move(answers.bound);
    if (answers.durable) *add()->mutable_durable() = *std::move(answers.durable);
    if (answers.closed) *add()->mutable_closed() = *std::move(answers.closed);
    if (answers.refusal) *add()->mutable_refusal() = *std::move(answers.refusal);
  }
  CHECK(order_.empty() == answers_.empty(), order_.size(), answers_.size());
}

}  // namespace gatetape::recorder
