#include "recorder/commit_policy.h"

#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "base/check.h"

namespace gatetape::recorder {
namespace {

// Draft collects one session's part of a transaction.
struct Draft {
  size_t cost = 0;        // of its work
  bool deferred = false;  // some of the session's work waits for the next transaction
  BatchEncoder encoder;
  SessionWrite write;

  // puts_off returns true when this work must wait for the next transaction. A head is stored with
  // the last frame. After the close the peer may use the handle for another session.
  bool puts_off(const Work& work) const {
    if (write.head != nullptr || work.kind == Work::Kind::kClose) return write.head || deferred;
    return cost >= CommitPolicy::kSessionCostMax;
  }
  void add(Work work) {
    CHECK(write.head == nullptr, work.handle);
    CHECK(cost == 0 || write.session == work.session, work.handle);
    cost += work.cost();
    write.session = work.session;
    if (work.kind == Work::Kind::kClose) {
      write.head = std::move(work.head);
      return;
    }
    const Frame& frame = work.frame;
    if (write.first_seq == 0) {
      write.first_seq = frame.seq;
      write.commit_key = std::move(work.commit_key);
    } else {
      CHECK(frame.seq == write.last_seq + 1, frame.seq, write.last_seq);
    }
    write.last_seq = frame.seq;
    write.root = work.root;
    if (frame.kind == FrameKind::kIn) write.bytes_in += frame.payload.size();
    if (frame.kind == FrameKind::kOut || frame.kind == FrameKind::kErr)
      write.bytes_out += frame.payload.size();
    encoder.add(frame);
    if (work.derived) write.derived.push_back(std::move(*work.derived));
  }
};

// is_about_the_data returns true when the store works and refuses what it was given.
bool is_about_the_data(const absl::Status& status) {
  return absl::IsAlreadyExists(status) || absl::IsInvalidArgument(status);
}

}  // namespace

void CommitPolicy::add(std::vector<Work> work) {
  std::move(work.begin(), work.end(), std::back_inserter(queue_));
}

bool CommitPolicy::is_dropped(const Work& work) {
  return work.lane->failed_ || work.lane->refused_.contains(work.handle);
}

void CommitPolicy::check(const Round& round) {
  CHECK(round.writes.size() == round.writers.size(), round.writes.size(), round.writers.size());
  CHECK(round.binds.size() == round.binders.size(), round.binds.size(), round.binders.size());
  CHECK(round.binds.size() <= kBindsMax, round.binds.size());
}

// Deferred work keeps its order. Binds and ends of streams must see the effect of what was asked
// before them, so that they wait, too, once the work of any session is deferred.
CommitPolicy::Round CommitPolicy::take_round() {
  Round round;
  std::deque<Work> later;
  std::map<std::pair<Lane*, uint32_t>, size_t> index;
  std::vector<Draft> drafts;
  while (!queue_.empty() && round.cost < kBatchCostMax && round.binds.size() < kBindsMax) {
    Work work = std::move(queue_.front());
    queue_.pop_front();
    const Owner owner{work.lane, work.handle};
    const auto known = index.find({work.lane.get(), work.handle});
    const bool is_write = work.kind == Work::Kind::kFrame || work.kind == Work::Kind::kClose;
    const bool has_draft = is_write && known != index.end();
    if (is_write ? has_draft && drafts[known->second].puts_off(work) : !later.empty()) {
      if (has_draft) drafts[known->second].deferred = true;
      later.push_back(std::move(work));
      continue;
    }
    round.bytes += work.bytes();
    round.cost += work.cost();
    if (work.kind == Work::Kind::kFinish) {
      round.finished.push_back(work.lane);
    } else if (is_dropped(work)) {
      continue;
    } else if (work.kind == Work::Kind::kBind) {
      round.binds.push_back(work.session);
      round.binders.push_back(owner);
    } else {
      const auto found = index.try_emplace({work.lane.get(), work.handle}, drafts.size());
      if (found.second) {
        drafts.emplace_back();
        round.writers.push_back(owner);
      }
      drafts[found.first->second].add(std::move(work));
    }
  }
  std::move(later.rbegin(), later.rend(), std::front_inserter(queue_));
  for (Draft& draft : drafts) {
    draft.write.batch = draft.encoder.finish();
    round.writes.push_back(std::move(draft.write));
  }
  check(round);
  return round;
}

CommitPolicy::Outcome CommitPolicy::step(Store& store) {
  const size_t waiting = queue_.size();
  const Round round = take_round();
  CHECK(waiting == 0 || queue_.size() < waiting, waiting, queue_.size());
  absl::Status status = commit(store, round);
  if (status.ok()) status = read_tails(store, round);
  if (!status.ok()) fail(round.binders, 0, status);
  for (const std::shared_ptr<Lane>& lane : round.finished) lane->on_finished();
  return {round.bytes, status};
}

absl::Status CommitPolicy::commit(Store& store, const Round& round) {
  if (round.writes.empty()) return absl::OkStatus();
  const absl::Status status = store.commit(round.writes);
  if (is_about_the_data(status)) return commit_one_by_one(store, round);
  if (!status.ok()) fail(round.writers, 0, status);
  for (size_t i = 0; status.ok() && i < round.writes.size(); i++)
    answer(round.writes[i], round.writers[i]);
  return status;
}

absl::Status CommitPolicy::commit_one_by_one(Store& store, const Round& round) {
  for (size_t i = 0; i < round.writes.size(); i++) {
    const absl::Status status = store.commit(absl::MakeConstSpan(&round.writes[i], 1));
    if (status.ok()) {
      answer(round.writes[i], round.writers[i]);
    } else if (is_about_the_data(status)) {
      refuse(round.writers[i], status);
    } else {
      fail(round.writers, i, status);
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status CommitPolicy::read_tails(Store& store, const Round& round) {
  if (round.binds.empty()) return absl::OkStatus();
  const absl::StatusOr<std::vector<Tail>> tails = store.read_tails(round.binds);
  if (!tails.ok()) return tails.status();
  CHECK(tails->size() == round.binds.size(), tails->size(), round.binds.size());
  for (size_t i = 0; i < tails->size(); i++)
    round.binders[i].lane->on_bound(round.binders[i].handle, (*tails)[i]);
  return absl::OkStatus();
}

CommitPolicy::Outcome CommitPolicy::fail_all(const absl::Status& why) {
  Outcome outcome;
  for (; !queue_.empty(); queue_.pop_front()) {
    const Work& work = queue_.front();
    outcome.bytes += work.bytes();
    if (work.kind == Work::Kind::kFinish)
      work.lane->on_finished();
    else
      fail({{work.lane, work.handle}}, 0, why);
  }
  return outcome;
}

void CommitPolicy::answer(const SessionWrite& write, const Owner& owner) {
  if (write.first_seq > 0) owner.lane->on_durable(owner.handle, write.last_seq, write.root);
  if (write.head) owner.lane->on_closed(owner.handle, *write.head);
}

void CommitPolicy::refuse(const Owner& owner, const absl::Status& why) {
  const bool lost_race = absl::IsAlreadyExists(why);
  owner.lane->refused_.insert(owner.handle);
  owner.lane->on_refused(
      owner.handle,
      {lost_race ? record::v1::Refusal::CODE_LOST_RACE : record::v1::Refusal::CODE_MALFORMED,
       lost_race ? "another writer appended to the session"
                 : "the store refuses it: " + std::string(why.message())});
}

void CommitPolicy::fail(const std::vector<Owner>& owners, size_t from, const absl::Status& why) {
  for (size_t i = from; i < owners.size(); i++) {
    if (std::exchange(owners[i].lane->failed_, true)) continue;
    owners[i].lane->on_failed(why);
  }
}

}  // namespace gatetape::recorder
