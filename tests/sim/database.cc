#include "tests/sim/database.h"

#include <algorithm>
#include <utility>

#include "record/batch.h"
#include "recorder/heads_core.h"

namespace gatetape::sim {
namespace {

Insert insert_of(const recorder::SessionWrite& write) {
  Insert insert;
  insert.session = write.session;
  if (write.first_seq > 0)
    insert.batch = StoredBatch{.first_seq = write.first_seq,
                               .last_seq = write.last_seq,
                               .root = std::string(view(write.root)),
                               .bytes_in = write.bytes_in,
                               .bytes_out = write.bytes_out,
                               .last_offset_ns = write.last_offset_ns,
                               .last_kind = static_cast<uint16_t>(write.last_kind),
                               .codec = write.batch.codec,
                               .raw_bytes = write.batch.raw_bytes,
                               .data = write.batch.data};
  if (write.keys) insert.keys = *write.keys;
  for (const recorder::Derived& derived : write.derived)
    if (derived.session) insert.started_at_ns = derived.session->started_at_ns;
  if (write.head) {
    const recorder::SignedHead& head = *write.head;
    insert.head = StoredHead{head.head.size,    std::string(view(head.head.root)),
                             head.gateway_key,  head.gateway_signature,
                             head.recorder_key, head.recorder_signature};
  }
  return insert;
}

bool collide(const Insert& a, const Insert& b) {
  if (a.session != b.session) return false;
  return (a.head && b.head) || (a.batch && b.batch && a.batch->first_seq == b.batch->first_seq);
}

std::vector<Frame> frames_of(const StoredBatch& row) {
  return *decode_batch(row.first_seq, row.last_seq, row.codec, row.raw_bytes, row.data);
}

// cost_of returns Work::cost() of a frame, computed from what is stored of it.
uint64_t cost_of(const Frame& frame) {
  return is_bytes(frame.kind) ? frame.payload.size() + kFrameOverheadBytes
                              : 8192 + 8 * frame.payload.size();
}

}  // namespace

// check compares the new rows with the primary keys frames_fence_one_writer,
// session_key_one_a_session and head_one_a_session.
absl::Status Database::check(const Insert& insert) const {
  const auto poisoned = poison_.find(insert.session);
  if (poisoned != poison_.end() && insert.batch && insert.batch->last_seq >= poisoned->second)
    return absl::InvalidArgumentError("the data does not fit");
  const auto found = sessions_.find(insert.session);
  if (found == sessions_.end()) return absl::OkStatus();
  const Rows& rows = found->second;
  const bool taken = (insert.batch && rows.frames.contains(insert.batch->first_seq)) ||
                     (insert.keys && rows.keys) || (insert.head && rows.head);
  return taken ? absl::AlreadyExistsError("a primary key is taken") : absl::OkStatus();
}

absl::Status Database::check_all(const Transaction& transaction) const {
  const std::vector<Insert>& inserts = transaction.inserts;
  for (size_t i = 0; i < inserts.size(); i++) {
    const absl::Status status = check(inserts[i]);
    if (!status.ok()) return status;
    for (size_t j = 0; j < i; j++)  // two streams can submit the same frames of one session
      if (collide(inserts[i], inserts[j]))
        return absl::AlreadyExistsError("a primary key comes twice");
  }
  return log_.collide(transaction.lists)
             ? absl::AlreadyExistsError("a primary key of the lists is taken")
             : absl::OkStatus();
}

void Database::put(const Insert& insert) {
  Rows& rows = sessions_[insert.session];
  if (insert.batch) {
    rows.frames[insert.batch->first_seq] = *insert.batch;
    oracle_->on_row(insert.session, insert.batch->first_seq, frames_of(*insert.batch));
  }
  if (insert.keys) {
    rows.keys = insert.keys;
    rows.started_at_ns = insert.started_at_ns;
  }
  if (insert.head) {
    rows.head = insert.head;
    oracle_->on_head(insert.session, insert.head->size);
  }
}

void Database::put_lists(const Transaction& transaction) {
  LogRows::Ends ends;
  for (const Insert& insert : transaction.inserts) {
    if (insert.batch && insert.batch->first_seq == 1) ends[insert.session].opens = true;
    if (insert.head) ends[insert.session].closes = true;
  }
  log_.commit(transaction.lists, ends);
  for (const recorder::SignedList& one : transaction.lists) {
    for (const HeadsLine& line : one.list.lines()) {
      const uint64_t stored = tail(line.session).last_seq;
      const bool is_close = line.state == HeadsLine::State::kClose;
      if (line.head.size > stored || (is_close && line.head.size != stored))
        world_->violate("log", std::to_string(stored) +
                                   " frames are stored, and a list has the line " + line.to_text());
    }
  }
}

absl::Status Database::commit(const Transaction& transaction) {
  if (absl::Status status = check_all(transaction); !status.ok()) return status;
  for (const Insert& insert : transaction.inserts) put(insert);
  put_lists(transaction);
  return absl::OkStatus();
}

recorder::Tail Database::tail(const SessionId& session) const {
  recorder::Tail tail;
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second.frames.empty()) return tail;
  const Rows& rows = found->second;
  const StoredBatch& last = rows.frames.rbegin()->second;
  tail.last_seq = last.last_seq;
  std::copy_n(last.root.begin(), tail.root.size(), tail.root.begin());
  tail.commit_key = rows.keys ? rows.keys->commit_key() : "";
  tail.format_version = rows.keys ? static_cast<int16_t>(rows.keys->version()) : int16_t{0};
  tail.started_at_ns = rows.started_at_ns;
  tail.has_head = rows.head.has_value();
  tail.offset_ns = *last.last_offset_ns;
  tail.kind = static_cast<FrameKind>(*last.last_kind);
  return tail;
}

void Store::require_open() {
  if (!open_) world_->violate("I6", "the recorder uses a store that failed and was not reopened");
}

// The last frame of the share may exceed it.
void Store::check_share(const Insert& insert) {
  if (!insert.batch) return;
  uint64_t cost = 0;
  std::vector<Frame> frames = frames_of(*insert.batch);
  frames.pop_back();
  for (const Frame& frame : frames) cost += cost_of(frame);
  if (frames.empty() || cost < session_cost_max_) return;
  world_->violate("I7", "a transaction has more of one session than its share");
}

// A store that failed may have taken a list with it, so that the second begins again.
absl::Status Store::open() {
  open_ = !world_->fails(Call::kStore, world_->faults.open_fails);
  for (auto& [session, committed] : unlisted_) committed.at_ns = world_->now_ns();
  return open_ ? absl::OkStatus() : absl::UnavailableError("the database is away");
}

absl::Status Store::commit(const recorder::Commit& commit) {
  require_open();
  Transaction transaction{{}, {commit.lists.begin(), commit.lists.end()}};
  std::vector<Insert>& inserts = transaction.inserts;
  for (const recorder::SessionWrite& write : commit.writes) {
    inserts.push_back(insert_of(write));
    check_share(inserts.back());
  }
  if (world_->fails(Call::kStore, world_->faults.commit_fails)) {
    open_ = false;
    if (world_->failing().doubt > 0) return doubt(std::move(transaction));
    world_->note("commit fails", 0, inserts.size());
    // The recorder must not tell these apart.
    return inserts.size() % 2 == 0 ? absl::UnavailableError("the commit failed")
                                   : absl::FailedPreconditionError("the database swallowed a row");
  }
  if (world_->strikes(world_->faults.commit_doubts)) return doubt(std::move(transaction));
  const absl::Status status = database_->commit(transaction);
  world_->note(status.ok() ? "commit" : "commit refused", 0, inserts.size());
  if (status.ok()) tell(transaction);
  return status;
}

void Store::tell(const Transaction& transaction) {
  for (const Insert& insert : transaction.inserts) {
    const uint64_t seq = insert.batch ? insert.batch->last_seq : 0;
    oracle_->on_told(insert.session, seq, insert.head.has_value());
    Committed& committed =
        unlisted_.try_emplace(insert.session, Committed{0, world_->now_ns()}).first->second;
    committed.seq = std::max(committed.seq, seq);
  }
  std::erase_if(unlisted_, [this](const auto& one) {
    return database_->log().listed(one.first) >= one.second.seq;
  });
}

void Store::check_listed() {
  for (const auto& [session, committed] : unlisted_)
    if (database_->log().listed(session) < committed.seq &&
        world_->now_ns() >= committed.at_ns + recorder::HeadsCore::kListEveryNs)
      world_->violate("log", "frame " + std::to_string(committed.seq) + " of session " +
                                 std::to_string(oracle_->number_of(session)) +
                                 " was committed over a second ago, and no list names it");
}

// The answer to COMMIT is lost. The transaction was committed, was not committed, or is committed
// later by a backend whose client has gone.
absl::Status Store::doubt(Transaction transaction) {
  open_ = false;
  const int fixed = world_->failing().doubt;
  const uint64_t fate = fixed > 0 ? static_cast<uint64_t>(fixed) : world_->rng.below(4);
  world_->note("commit in doubt", 0, fate);
  if (fate == 1) {
    const absl::Status unseen = database_->commit(transaction);
    (void)unseen;
  }
  if (fate == 3) {
    const int64_t delay_ns = world_->rng.between(kMs, world_->rng.chance(0.7) ? kS : 40 * kS);
    world_->after(delay_ns, [this, transaction = std::move(transaction)] {
      world_->note("an abandoned backend commits");
      const absl::Status unseen = database_->commit(transaction);
      (void)unseen;
    });
  }
  return absl::AbortedError("the commit is in doubt");
}

absl::StatusOr<std::vector<recorder::Tail>> Store::read_tails(
    absl::Span<const SessionId> sessions) {
  require_open();
  if (world_->fails(Call::kStore, world_->faults.read_fails)) {
    open_ = false;
    return absl::UnavailableError("the tails cannot be read");
  }
  std::vector<recorder::Tail> tails;
  for (const SessionId& session : sessions) {
    tails.push_back(database_->tail(session));
    oracle_->on_told(session, tails.back().last_seq, tails.back().has_head);
  }
  return tails;
}

}  // namespace gatetape::sim
