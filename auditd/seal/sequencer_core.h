// SequencerCore: gives entries their place in the log and signs checkpoints. It decides, behind the
// ports SealStore and Publication: when it takes the lock, what it refuses to sign, which entries
// it takes and in which order, and when a checkpoint is due. Nothing that it signed is returned
// before its commit is certain. Pure but for the ports; the sealer's thread owns it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "auditd/seal/entry_judge.h"
#include "auditd/seal/log_tail.h"
#include "auditd/seal/registrations.h"
#include "auditd/seal/seal_store.h"
#include "log/checkpoint.h"
#include "log/vkey.h"

namespace gatetape::auditd {

// SealNotice is a line for the log file of the daemon.
struct SealNotice {
  enum class Level { kInfo, kWarn, kError };
  Level level = Level::kInfo;
  const char* event = "";
  std::string reason;
};

// SealedCheckpoint is a checkpoint whose commit is certain.
struct SealedCheckpoint {
  uint64_t n = 0;
  TreeHead tree;
  SignedNote note;
};

class SequencerCore {
 public:
  // The states: kClosed (no connection), kWaiting (another sequencer has the lock), kRefusing (it
  // has the lock, and what is stored contradicts what was signed or published), kSealing.
  // Legal transitions: kClosed -> kWaiting -> kSealing or kRefusing; kRefusing -> kSealing; and
  // from each state to kClosed.
  enum class State { kClosed, kWaiting, kRefusing, kSealing };
  struct Parts {
    SealStore& store;
    Publication& publication;
    NoteSigner signer;  // its name is the origin
    std::vector<WantedKey> keys;
    EntryJudge judge;
  };
  struct Now {
    int64_t wall_ns = 0;
    int64_t mono_ns = 0;
  };

  explicit SequencerCore(Parts parts);

  // step does what is due and returns after how many nanoseconds the next step is due. An earlier
  // call does nothing.
  int64_t step(const Now& now);
  // cosign stores the newest checkpoint again with one more signature. It fails with NOT_FOUND when
  // `text` is not that of the newest checkpoint any more. After another failure the core is closed.
  absl::Status cosign(const std::string& text, const NoteSignature& signature);

  State state() const { return state_; }
  // reason returns why the core does not seal; empty while it does.
  const std::string& reason() const { return reason_; }
  // is_rolled_back returns true when it refuses because the database is behind, or another tree
  // than, what was published.
  bool is_rolled_back() const { return state_ == State::kRefusing && rolled_back_; }
  // newest returns the newest checkpoint; nothing before the first one that it sealed itself.
  const std::optional<SealedCheckpoint>& newest() const { return newest_; }
  uint64_t epoch() const { return epoch_; }
  // refused_entries returns how many entries were refused since the start.
  uint64_t refused_entries() const { return refused_entries_; }
  // oldest_waiting_ns returns the age of the oldest entry that the last step left without a place;
  // 0 when there was none.
  int64_t oldest_waiting_ns() const { return oldest_waiting_ns_; }
  std::vector<SealNotice> take_notices() { return std::exchange(notices_, {}); }

 private:
  int64_t do_step(const Now& now);
  void wait_for_lock();
  void take_over(const Now& now);
  absl::StatusOr<LogTail> read_stored();
  absl::Status accept_rollback();
  // drop_acceptance removes an acceptance that is not needed, so that no later rollback is accepted
  // by it.
  void drop_acceptance();
  absl::Status start(LogTail tail, const Now& now);
  void refuse(const absl::Status& why);
  void close(const absl::Status& why);
  void seal(const Now& now);
  void on_failed_append(const absl::Status& why);

  absl::Status gather(const WaitingRange& range, std::vector<Candidate>* candidates);
  absl::Status gather_older(std::vector<Candidate>* candidates);
  void judge(const std::vector<WaitingEntry>& rows, std::vector<Candidate>* candidates);
  absl::Status look_for_waiting();
  absl::Status append(const std::vector<std::pair<Hash, std::string>>& entries, const Now& now);

  void notice(SealNotice::Level level, const char* event, std::string reason);

  const Parts parts_;
  State state_ = State::kClosed;
  std::string reason_ = "it has not started yet";
  bool rolled_back_ = false;
  LogTree tree_;
  uint64_t epoch_ = 0;
  std::optional<SealedCheckpoint> newest_;
  int64_t due_ns_ = 0;             // monotonic time of the next step
  int64_t sealed_at_ns_ = 0;       // monotonic time of the newest checkpoint
  int64_t first_from_ns_ = 0;      // where the next look begins, unless 10 minutes ago is earlier
  bool more_waits_ = false;        // the last look left entries for the next transaction
  EntryPlace older_;               // how far the walk through older rows has come
  std::set<std::string> refused_;  // leaf hashes, so that each is judged and reported once
  uint64_t refused_entries_ = 0;
  int64_t oldest_waiting_ns_ = 0;
  std::vector<SealNotice> notices_;
};

}  // namespace gatetape::auditd
