#include "gateway/checkpoint_guard.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace gatetape::gateway {

CheckpointGuard::CheckpointGuard(std::vector<VerifierKey> log_keys, const std::string& kept)
    : log_keys_(std::move(log_keys)), text_(kept), written_(kept) {
  CHECK(!log_keys_.empty());
  if (kept.empty()) return;
  state_ = State::kUnchecked;
  if (absl::StatusOr<Checkpoint> checkpoint = open(kept); checkpoint.ok())
    known_ = *std::move(checkpoint);
}

absl::StatusOr<Checkpoint> CheckpointGuard::open(const std::string& note) const {
  absl::StatusOr<TrustedCheckpoint> opened = open_checkpoint(note, log_keys_[0].name, log_keys_);
  if (!opened.ok()) return opened.status();
  return std::move(opened->checkpoint);
}

// check returns the checkpoint that was found, or DATA_LOSS with the reason why it does not extend
// what this gateway has seen.
absl::StatusOr<Checkpoint> CheckpointGuard::check(const LogNews& news) const {
  if (news.note.empty()) return absl::DataLossError("the database holds no checkpoint of the log");
  absl::StatusOr<Checkpoint> found = open(news.note);
  if (!found.ok())
    return absl::DataLossError(
        absl::StrCat("the newest checkpoint in the database is not of the "
                     "log that this gateway trusts: ",
                     found.status().message()));
  if (!known_ && !text_.empty())
    return absl::DataLossError("the kept checkpoint is not of the log that this gateway trusts");
  if (!known_) return found;
  const uint64_t size = found->tree.size;
  if (size < known_->tree.size)
    return absl::DataLossError(
        absl::StrCat("the database is older than this gateway has seen: its "
                     "log has ",
                     size, " entries, and had ", known_->tree.size));
  const bool is_from_known = news.old_size == known_->tree.size;
  const absl::Status extends = verify_consistency(known_->tree, found->tree,
                                                  is_from_known ? news.proof : std::vector<Hash>());
  if (!extends.ok())
    return absl::DataLossError("the log in the database is another one than this gateway has seen");
  return found;
}

std::optional<CheckpointGuard::Rollback> CheckpointGuard::on_news(const LogNews& news) {
  if (state_ == State::kNothingKept && news.note.empty()) return std::nullopt;
  absl::StatusOr<Checkpoint> found = check(news);
  if (found.ok()) {
    const bool is_new = !known_ || !(found->tree == known_->tree);
    keep(*std::move(found), is_new ? news.note : text_, State::kGood);
    return std::nullopt;
  }
  why_ = std::string(found.status().message());
  found_note_ = news.note;
  if (std::exchange(state_, State::kRolledBack) == State::kRolledBack) return std::nullopt;
  const absl::StatusOr<Checkpoint> signed_by_log = open(news.note);
  return Rollback{.seen_size = known_size(),
                  .found_size = signed_by_log.ok() ? signed_by_log->tree.size : 0};
}

std::string CheckpointGuard::acceptable() const {
  return open(found_note_).ok() ? found_note_ : "";
}

void CheckpointGuard::on_accepted() {
  CHECK(state_ == State::kRolledBack, static_cast<int>(state_));
  const std::string text = acceptable();
  if (text.empty()) return keep(std::nullopt, text, State::kNothingKept);
  keep(*open(text), text, State::kGood);
}

// `text` is a copy, because it may be that of a member.
void CheckpointGuard::keep(std::optional<Checkpoint> checkpoint, std::string text, State state) {
  known_ = std::move(checkpoint);
  text_ = std::move(text);
  state_ = state;
  found_note_.clear();
  why_.clear();
  CHECK(known_.has_value() == (state == State::kGood), static_cast<int>(state));
}

std::optional<std::string> CheckpointGuard::to_keep() const {
  if (text_ == written_) return std::nullopt;
  return text_;
}

std::string CheckpointGuard::refusal() const {
  switch (state_) {
    case State::kNothingKept:
    case State::kGood:
      return "";
    case State::kUnchecked:
      return "the recorder has not said yet whether the database is the one that this gateway has "
             "seen, so no session is opened: try again in a minute";
    case State::kRolledBack:
      return why_ +
             ", so no session is opened until an administrator restores the newer database "
             "or runs `gatetape log accept`";
  }
  return "";
}

}  // namespace gatetape::gateway
