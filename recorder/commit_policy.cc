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
  bool puts_off(const Work& work, size_t cost_max) const {
    if (write.head != nullptr || work.kind == Work::Kind::kClose) return write.head || deferred;
    return cost >= cost_max;
  }
  void add(Work work) {
    CHECK(write.head == nullptr && !deferred, work.handle);
    CHECK(cost == 0 || write.session == work.session, work.handle);
    cost += work.cost();
    write.session = work.session;
    write.rebound = work.rebound;
    if (work.kind == Work::Kind::kClose) {
      write.head = std::move(work.head);
      return;
    }
    const Frame& frame = work.frame;
    if (write.first_seq == 0) {
      write.first_seq = frame.seq;
      write.keys = std::move(work.keys);
    } else {
      CHECK(frame.seq == write.last_seq + 1, frame.seq, write.last_seq);
    }
    write.last_seq = frame.seq;
    write.root = work.root;
    if (frame.kind == FrameKind::kIn) write.bytes_in += frame.payload.size();
    if (frame.kind == FrameKind::kOut || frame.kind == FrameKind::kErr)
      write.bytes_out += frame.payload.size();
    write.last_offset_ns = frame.offset_ns;
    write.last_kind = frame.kind;
    encoder.add(frame);
    if (work.derived) write.derived.push_back(std::move(*work.derived));
  }
};

// Drafts collects the writes of a round: one for each session of a stream, in the order of their
// first work.
class Drafts {
 public:
  // `session_cost_max` is that of CommitLimits.
  explicit Drafts(size_t session_cost_max) : session_cost_max_(session_cost_max) {}

  // defers returns true when work must wait for the next transaction. Deferred work keeps its
  // order. Binds and ends of streams must see the effect of what was asked before them, so that
  // they wait, too, once the work of any session is deferred.
  bool defers(const Work& work) {
    const bool is_write = work.kind == Work::Kind::kFrame || work.kind == Work::Kind::kClose;
    const auto known = index_.find({work.lane.get(), work.handle});
    Draft* const draft = is_write && known != index_.end() ? &drafts_[known->second] : nullptr;
    const bool must_wait = is_write ? draft != nullptr && draft->puts_off(work, session_cost_max_)
                                    : some_work_is_deferred_;
    if (!must_wait) return false;
    some_work_is_deferred_ = true;
    if (draft != nullptr) draft->deferred = true;
    CHECK(draft != nullptr || !is_write, work.handle);
    return true;
  }
  // add returns true when the work is the first one of its session.
  bool add(Work work) {
    const auto [at, is_new] = index_.try_emplace({work.lane.get(), work.handle}, drafts_.size());
    if (is_new) drafts_.emplace_back();
    CHECK(index_.size() == drafts_.size(), index_.size(), drafts_.size());
    drafts_[at->second].add(std::move(work));
    return is_new;
  }
  std::vector<SessionWrite> finish() {
    std::vector<SessionWrite> writes;
    for (Draft& draft : drafts_) {
      draft.write.batch = draft.encoder.finish();
      CHECK(draft.write.first_seq <= draft.write.last_seq, draft.write.first_seq);
      writes.push_back(std::move(draft.write));
    }
    return writes;
  }

 private:
  const size_t session_cost_max_;
  std::map<std::pair<Lane*, uint32_t>, size_t> index_;  // of drafts_
  std::vector<Draft> drafts_;
  bool some_work_is_deferred_ = false;
};

// is_about_the_data returns true when the store works and refuses what it was given.
bool is_about_the_data(const absl::Status& status) {
  return absl::IsAlreadyExists(status) || absl::IsInvalidArgument(status);
}

// check_whole checks that work has what its kind needs. A peer chooses none of it: RequestCore
// makes work only of items that Ingest accepted.
void check_whole(const Work& work) {
  CHECK((work.kind == Work::Kind::kFrame) == (work.frame.seq > 0), work.handle, work.frame.seq);
  CHECK((work.kind == Work::Kind::kClose) == (work.head != nullptr), work.handle);
}

}  // namespace

void CommitPolicy::add(std::vector<Work> work) {
  for (const Work& one : work) check_whole(one);
  std::move(work.begin(), work.end(), std::back_inserter(queue_));
}

bool CommitPolicy::is_dropped(const Work& work) {
  return work.lane->failed_ || work.lane->refused_.contains(work.handle);
}

void CommitPolicy::check(const Round& round) const {
  CHECK(round.writes.size() == round.writers.size(), round.writes.size(), round.writers.size());
  CHECK(round.binds.size() == round.binders.size(), round.binds.size(), round.binders.size());
  CHECK(round.binds.size() <= limits_.binds_max, round.binds.size());
}

CommitPolicy::Round CommitPolicy::take_round() {
  Round round;
  Drafts drafts(limits_.session_cost_max);
  std::deque<Work> later;
  const size_t waiting = queue_.size();
  size_t taken = 0;
  while (!queue_.empty() && round.cost < limits_.batch_cost_max &&
         round.binds.size() < limits_.binds_max) {
    Work work = std::move(queue_.front());
    queue_.pop_front();
    if (drafts.defers(work)) {
      later.push_back(std::move(work));
      continue;
    }
    taken++;
    round.bytes += work.bytes();
    round.cost += work.cost();
    const Owner owner{work.lane, work.handle};
    if (work.kind == Work::Kind::kFinish) {
      round.finished.push_back(work.lane);
    } else if (is_dropped(work)) {
      continue;
    } else if (work.kind == Work::Kind::kBind) {
      round.binds.push_back(work.session);
      round.binders.push_back(owner);
    } else if (drafts.add(std::move(work))) {
      round.writers.push_back(owner);
    }
  }
  std::move(later.rbegin(), later.rend(), std::front_inserter(queue_));
  CHECK(taken + queue_.size() == waiting, taken, queue_.size(), waiting);
  round.writes = drafts.finish();
  return round;
}

CommitPolicy::Outcome CommitPolicy::step(Store& store, const Instant& now) {
  const size_t waiting = queue_.size();
  const Round round = take_round();
  check(round);
  CHECK(waiting == 0 || queue_.size() < waiting, waiting, queue_.size());
  absl::Status status = commit(store, round, now);
  if (status.ok()) status = read_tails(store, round);
  if (!status.ok()) fail(round.binders, 0, status);
  for (const std::shared_ptr<Lane>& lane : round.finished) lane->on_finished();
  return {round.bytes, status};
}

absl::Status CommitPolicy::commit(Store& store, const Round& round, const Instant& now) {
  const bool with_live = heads_.due_ns() <= now.mono_ns;
  if (round.writes.empty() && !with_live) return absl::OkStatus();
  const absl::Status status = store_all(store, round.writes, now, with_live);
  if (is_about_the_data(status) && !round.writes.empty())
    return commit_one_by_one(store, round, now);
  if (!status.ok()) fail(round.writers, 0, status);
  for (size_t i = 0; status.ok() && i < round.writes.size(); i++)
    answer(round.writes[i], round.writers[i]);
  return status;
}

absl::Status CommitPolicy::store_all(Store& store, absl::Span<const SessionWrite> writes,
                                     const Instant& now, bool with_live) {
  const std::vector<SignedList> lists = heads_.lists_of(writes, now, with_live);
  CHECK(!writes.empty() || !lists.empty(), with_live);
  const Commit commit{writes, lists};
  absl::Status status = store.commit(commit);
  if (status.ok()) heads_.on_committed(commit, now);
  return status;
}

// A `live` list that is due stays due: it goes into the next transaction.
absl::Status CommitPolicy::commit_one_by_one(Store& store, const Round& round, const Instant& now) {
  for (size_t i = 0; i < round.writes.size(); i++) {
    const absl::Status status =
        store_all(store, absl::MakeConstSpan(&round.writes[i], 1), now, false);
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
  CHECK(queue_.empty(), queue_.size());
  return outcome;
}

void CommitPolicy::answer(const SessionWrite& write, const Owner& owner) {
  CHECK(write.first_seq > 0 || write.head, owner.handle);
  if (write.first_seq > 0) owner.lane->on_durable(owner.handle, write.last_seq, write.root);
  if (write.head) owner.lane->on_closed(owner.handle, *write.head);
}

void CommitPolicy::refuse(const Owner& owner, const absl::Status& why) {
  const bool lost_race = absl::IsAlreadyExists(why);
  CHECK(owner.lane->refused_.insert(owner.handle).second, owner.handle, why.ToString());
  owner.lane->on_refused(
      owner.handle,
      {lost_race ? record::v1::Refusal::CODE_LOST_RACE : record::v1::Refusal::CODE_MALFORMED,
       lost_race ? "another writer appended to the session"
                 : "the store refuses it: " + std::string(why.message())});
}

void CommitPolicy::fail(const std::vector<Owner>& owners, size_t from, const absl::Status& why) {
  CHECK(from <= owners.size() && !why.ok(), from, owners.size());
  for (size_t i = from; i < owners.size(); i++) {
    if (std::exchange(owners[i].lane->failed_, true)) continue;
    owners[i].lane->on_failed(why);
  }
}

}  // namespace gatetape::recorder
