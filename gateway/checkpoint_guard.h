// CheckpointGuard: decides whether the database may be older than what this gateway has seen of the
// log. The gateway keeps the newest checkpoint that it has verified; the log that the recorder
// reads must extend it, or somebody has put an older or another database in its place. Pure; its
// owner holds a lock around every call.
//
// Legal transitions of State:
//   kNothingKept -> kGood: the first checkpoint that the log signed
//   kUnchecked -> kGood: the newest checkpoint extends the kept one
//   kNothingKept, kUnchecked, kGood -> kRolledBack: it does not, or the log did not sign it
//   kRolledBack -> kGood: a new stream shows that the log does extend the kept checkpoint
//   kRolledBack -> kGood, kNothingKept: an operator accepted what is there
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "log/checkpoint.h"

namespace gatetape::gateway {

// LogNews is what a recorder says of the log: proto/gatetape/record/v1/record.proto, Checkpoint.
struct LogNews {
  std::string note{};     // the newest checkpoint that is stored, empty when there is none
  uint64_t old_size = 0;  // the proof goes on from this size
  std::vector<Hash> proof{};
};

class CheckpointGuard {
 public:
  enum class State { kNothingKept, kUnchecked, kGood, kRolledBack };
  // Rollback is what the frame rollback_seen says.
  struct Rollback {
    uint64_t seen_size = 0;   // of the kept checkpoint, 0 when the log did not sign it
    uint64_t found_size = 0;  // of the checkpoint that was found, 0 when the log signed none
  };

  // `log_keys` are the trusted keys of one log, at least one, each with its origin as the name.
  // `kept` is the text of the checkpoint file, empty when there is no file. Nothing extends a text
  // that is no checkpoint of that log.
  CheckpointGuard(std::vector<VerifierKey> log_keys, const std::string& kept);

  // on_news accepts what a recorder says. It returns a rollback when one begins to be seen.
  std::optional<Rollback> on_news(const LogNews& news);
  // acceptable returns the text that an acceptance makes the kept one: the checkpoint that was
  // found, or an empty text when the log signed none.
  std::string acceptable() const;
  // on_accepted makes it so. The state must be kRolledBack.
  void on_accepted();

  // to_keep returns the text that the checkpoint file must hold, nothing when it holds that text.
  // An empty text means that there must be no file.
  std::optional<std::string> to_keep() const;
  // on_written is called when the checkpoint file holds this text, and the disk has it.
  void on_written(const std::string& text) { written_ = text; }

  State state() const { return state_; }
  // known_size returns the size of the newest checkpoint that counts, 0 without one.
  uint64_t known_size() const { return known_ ? known_->tree.size : 0; }
  // refusal returns why no session may be opened, in words for the user; empty when one may.
  std::string refusal() const;

 private:
  absl::StatusOr<Checkpoint> open(const std::string& note) const;
  absl::StatusOr<Checkpoint> check(const LogNews& news) const;
  void keep(std::optional<Checkpoint> checkpoint, std::string text, State state);

  const std::vector<VerifierKey> log_keys_;
  State state_ = State::kNothingKept;
  std::optional<Checkpoint> known_;  // the newest checkpoint that counts
  std::string text_;                 // of known_, or what is in the file in its place
  std::string written_;              // in the file
  // While kRolledBack: what the recorder said last, and why it does not do.
  std::string found_note_;
  std::string why_;
};

}  // namespace gatetape::gateway
