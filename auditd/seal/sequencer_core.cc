#include "auditd/seal/sequencer_core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "log/entry.h"

namespace gatetape::auditd {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
// A checkpoint is signed at most once per second, and the newest one again each minute in which
// nothing came, so that silence has a proof.
constexpr int64_t kSealNs = kSecondNs;
constexpr int64_t kIdleNs = 60 * kSecondNs;
// Without the lock, or without a database, it tries again after this time. A sequencer that dies
// is followed by another within 10 s.
constexpr int64_t kRetryNs = 2 * kSecondNs;
// Most leaves of one transaction; further ones follow at once in the next transaction.
constexpr size_t kLeavesMax = 4096;
// The first look after a take-over goes back this far before the newest checkpoint, so that the
// entries of a run stay in order also when the clock of the database was set back by up to a day.
constexpr int64_t kFirstLookNs = 26 * 3600 * kSecondNs;
// Rows that the walk through older entries looks at per second: about 10 ms of PostgreSQL's time.
// It finds an entry that was committed more than 10 minutes after its transaction began.
constexpr uint64_t kOlderRows = 5000;
// Refused leaf hashes that are remembered, so that each is verified and reported once. Further ones
// are refused and counted again at each look, without a line each.
constexpr size_t kRefusedMax = 100'000;

using Level = SealNotice::Level;

}  // namespace

SequencerCore::SequencerCore(Parts parts) : parts_(std::move(parts)) {
  CHECK(parts_.signer.type == NoteKeyType::kEd25519, static_cast<int>(parts_.signer.type));
}

void SequencerCore::notice(Level level, const char* event, std::string reason) {
  notices_.push_back({level, event, std::move(reason)});
}

int64_t SequencerCore::step(const Now& now) {
  if (now.mono_ns >= due_ns_) due_ns_ = now.mono_ns + do_step(now);
  return due_ns_ - now.mono_ns;
}

int64_t SequencerCore::do_step(const Now& now) {
  oldest_waiting_ns_ = 0;
  more_waits_ = false;
  if (state_ == State::kClosed) {
    if (absl::Status status = parts_.store.open(); !status.ok()) {
      close(status);
      return kRetryNs;
    }
    state_ = State::kWaiting;
  }
  if (state_ == State::kWaiting) wait_for_lock();
  if (state_ == State::kRefusing) take_over(now);
  if (state_ != State::kSealing) return kRetryNs;
  seal(now);
  return more_waits_ ? 0 : kSealNs;
}

// With the lock it is refusing until it has read what is stored.
void SequencerCore::wait_for_lock() {
  const absl::StatusOr<bool> locked = parts_.store.lock();
  if (!locked.ok()) return close(locked.status());
  if (*locked) {
    state_ = State::kRefusing;
    return;
  }
  const std::string reason = "another auditd sequences";
  if (reason != reason_) notice(Level::kInfo, "log_waiting", reason);
  reason_ = reason;
  if (absl::Status status = look_for_waiting(); !status.ok()) close(status);
}

void SequencerCore::take_over(const Now& now) {
  absl::StatusOr<LogTail> tail = read_stored();
  if (absl::IsOutOfRange(tail.status())) {
    const absl::Status accepted = accept_rollback();
    if (accepted.ok())
      tail = read_stored();
    else if (!absl::IsNotFound(accepted))
      tail = accepted;
  }
  if (tail.ok()) {
    const absl::Status started = start(*std::move(tail), now);
    if (!started.ok()) on_failed_append(started);
    return;
  }
  const absl::Status& why = tail.status();
  if (absl::IsOutOfRange(why) || absl::IsFailedPrecondition(why) || absl::IsDataLoss(why))
    refuse(why);
  else
    close(why);
}

// read_stored reads the end of the log, which extends what was published, and what this process
// signed before it lost the database: a standby may lack the newest commits.
absl::StatusOr<LogTail> SequencerCore::read_stored() {
  absl::StatusOr<LogTail> tail =
      read_tail(parts_.store, parts_.publication, parts_.signer.verifier_key());
  if (!tail.ok() || !newest_) return tail;
  const absl::Status extends = check_extends(parts_.store, *tail, newest_->tree);
  return extends.ok() ? std::move(tail) : extends;
}

// accept_rollback appends the published entries again when an operator has accepted that the
// database is behind. NOT_FOUND when no operator has.
absl::Status SequencerCore::accept_rollback() {
  const auto accepted = parts_.publication.read_acceptance();
  if (!accepted.ok()) return accepted.status();
  if (!*accepted) return absl::NotFoundError("nobody accepts that the database is behind");
  newest_.reset();
  if (absl::IsOutOfRange(read_stored().status())) {
    const absl::Status restored =
        restore_published(parts_.store, parts_.publication, parts_.signer);
    if (!restored.ok()) return restored;
  }
  notice(Level::kWarn, "log_rollback_accepted", **accepted);
  return parts_.publication.remove_acceptance();
}

void SequencerCore::drop_acceptance() {
  const auto accepted = parts_.publication.read_acceptance();
  if (!accepted.ok() || !*accepted) return;
  notice(Level::kWarn, "log_acceptance_unused", **accepted);
  parts_.publication.remove_acceptance().IgnoreError();  // it is tried again in a second
}

void SequencerCore::refuse(const absl::Status& why) {
  rolled_back_ = !absl::IsDataLoss(why);
  std::string reason(why.message());
  if (absl::IsOutOfRange(why))
    reason += "; find out why, then run `gatetape log accept --reason TEXT`";
  if (reason != reason_)
    notice(Level::kError, rolled_back_ ? "log_rolled_back" : "log_damaged", reason);
  reason_ = std::move(reason);
  if (absl::Status status = look_for_waiting(); !status.ok()) close(status);
}

void SequencerCore::close(const absl::Status& why) {
  std::string reason(why.message());
  if (reason != reason_) notice(Level::kWarn, "log_database_lost", reason);
  reason_ = std::move(reason);
  state_ = State::kClosed;
  parts_.store.close();
}

// start signs that an epoch begins, and registers the keys that are not registered yet.
absl::Status SequencerCore::start(LogTail tail, const Now& now) {
  const auto key_entries = parts_.store.read_key_entries();
  if (!key_entries.ok()) return key_entries.status();
  const SigningKey& log_key = parts_.signer.key;
  const auto time_ns = static_cast<uint64_t>(now.wall_ns);
  epoch_ = tail.epoch + 1;
  tree_ = std::move(tail.tree);
  newest_ = SealedCheckpoint{tail.n, tree_.head(), {}};
  first_from_ns_ = tail.n == 0 ? 0 : tail.newest_at_ns - kFirstLookNs;
  older_ = {};
  std::vector<std::string> texts = {
      LogEntry::signed_by(log_key, StartEntry{epoch_, time_ns}).to_text()};
  for (const WantedKey& key :
       missing_registrations(*key_entries, parts_.keys, log_key.public_key()))
    texts.push_back(LogEntry::signed_by(
                        log_key, KeyEntry{KeyEntry::Action::kRegister, key.role, key.key, time_ns})
                        .to_text());
  std::vector<std::pair<Hash, std::string>> entries;
  entries.reserve(texts.size());
  for (std::string& text : texts) entries.emplace_back(merkle_leaf(text), std::move(text));
  if (absl::Status status = append(entries, now); !status.ok()) return status;
  state_ = State::kSealing;
  reason_.clear();
  notice(Level::kInfo, "log_sequencing", absl::StrCat("epoch ", epoch_));
  return absl::OkStatus();
}

void SequencerCore::seal(const Now& now) {
  drop_acceptance();
  std::vector<Candidate> candidates;
  absl::Status status = gather({.from_ns = std::exchange(first_from_ns_, INT64_MAX)}, &candidates);
  if (status.ok() && candidates.size() < kLeavesMax) status = gather_older(&candidates);
  if (!status.ok()) return close(status);
  sort_for_log(&candidates);
  std::vector<std::pair<Hash, std::string>> entries;
  std::set<Hash> known;
  for (Candidate& one : candidates)
    if (known.insert(one.leaf).second) entries.emplace_back(one.leaf, std::move(one.entry));
  if (entries.empty() && now.mono_ns - sealed_at_ns_ < kIdleNs) return;
  if (status = append(entries, now); !status.ok()) on_failed_append(status);
}

// A conflict means that another sequencer has appended meanwhile: this one lost its lock.
void SequencerCore::on_failed_append(const absl::Status& why) {
  if (!absl::IsAlreadyExists(why)) return close(why);
  const auto stored = parts_.store.read_log();
  if (stored.ok() && stored->epoch > epoch_)
    notice(Level::kWarn, "log_epoch_lost",
           absl::StrCat("epoch ", stored->epoch, " has followed epoch ", epoch_));
  close(why);
}

absl::Status SequencerCore::gather(const WaitingRange& range, std::vector<Candidate>* candidates) {
  WaitingRange rest = range;
  while (true) {
    const auto page = parts_.store.waiting(rest);
    if (!page.ok()) return page.status();
    judge(*page, candidates);
    if (page->size() < kWaitingRowsMax) return absl::OkStatus();
    rest.after = {page->back().inserted_at_ns, page->back().leaf};
    if (candidates->size() < kLeavesMax) continue;
    more_waits_ = true;
    oldest_waiting_ns_ = page->back().age_ns;
    first_from_ns_ = range.from_ns;
    return absl::OkStatus();
  }
}

absl::Status SequencerCore::gather_older(std::vector<Candidate>* candidates) {
  const auto first = parts_.store.older(older_, kOlderRows);
  if (!first.ok()) return first.status();
  const int64_t to_ns = std::exchange(older_, first->value_or(EntryPlace{})).inserted_at_ns;
  if (!*first) return absl::OkStatus();
  return gather({.from_ns = older_.inserted_at_ns, .to_ns = to_ns}, candidates);
}

void SequencerCore::judge(const std::vector<WaitingEntry>& rows,
                          std::vector<Candidate>* candidates) {
  for (const WaitingEntry& row : rows) {
    if (refused_.contains(row.leaf)) continue;
    absl::StatusOr<Candidate> candidate = parts_.judge.judge(row);
    if (candidate.ok()) {
      candidates->push_back(*std::move(candidate));
      continue;
    }
    refused_entries_++;
    if (refused_.size() >= kRefusedMax) continue;
    refused_.insert(row.leaf);
    notice(Level::kError, "log_entry_refused",
           absl::StrCat("entry with leaf ", to_hex(row.leaf), ": ", candidate.status().message()));
  }
}

// look_for_waiting finds out how long the log has not grown although it could.
absl::Status SequencerCore::look_for_waiting() {
  const auto stored = parts_.store.read_log();
  if (!stored.ok()) return stored.status();
  const auto page = parts_.store.waiting({.from_ns = stored->newest ? stored->newest->at_ns : 0});
  if (!page.ok()) return page.status();
  for (const WaitingEntry& row : *page)
    if (oldest_waiting_ns_ == 0 && parts_.judge.judge(row).ok())
      oldest_waiting_ns_ = std::max<int64_t>(row.age_ns, 1);
  return absl::OkStatus();
}

absl::Status SequencerCore::append(const std::vector<std::pair<Hash, std::string>>& entries,
                                   const Now& now) {
  CHECK(newest_.has_value() && epoch_ > 0, epoch_);
  LogAppend append;
  append.epoch = epoch_;
  LogTree tree = tree_;
  for (const auto& [leaf, entry] : entries) {
    append.leaves.push_back({tree.size(), std::string(view(leaf)), entry, epoch_});
    tree.append(leaf, &append.nodes);
  }
  SealedCheckpoint next{newest_->n + 1, tree.head(), {}};
  CHECK(next.tree.size == newest_->tree.size + entries.size(), next.tree.size, entries.size());
  next.note = sign_checkpoint({parts_.signer.name, next.tree, {}}, parts_.signer);
  append.n = next.n;
  append.size = next.tree.size;
  append.note = next.note.to_text();
  if (absl::Status status = parts_.store.append(append); !status.ok()) return status;
  tree_ = std::move(tree);
  newest_ = std::move(next);
  sealed_at_ns_ = now.mono_ns;
  return absl::OkStatus();
}

absl::Status SequencerCore::cosign(const std::string& text, const NoteSignature& signature) {
  if (state_ != State::kSealing || newest_->note.text != text)
    return absl::NotFoundError("the checkpoint is not the newest one any more");
  SealedCheckpoint next = *newest_;
  next.n++;
  std::erase_if(next.note.signatures, [&](const NoteSignature& old) {
    return old.name == signature.name && old.key_hash == signature.key_hash;
  });
  next.note.signatures.push_back(signature);
  const LogAppend append{.epoch = epoch_,
                         .leaves = {},
                         .nodes = {},
                         .n = next.n,
                         .size = next.tree.size,
                         .note = next.note.to_text()};
  if (absl::Status status = parts_.store.append(append); !status.ok()) {
    on_failed_append(status);
    return status;
  }
  newest_ = std::move(next);
  return absl::OkStatus();
}

}  // namespace gatetape::auditd
