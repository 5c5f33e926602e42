// Sealer: the thread that sequences and publishes the log. SequencerCore decides; the sealer calls
// it when a step is due, writes its notices, and lets Publisher write the files. Owned by main.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "auditd/seal/publisher.h"
#include "auditd/seal/sequencer_core.h"
#include "auditd/seal/witness_line.h"
#include "base/clock.h"
#include "base/os/pause.h"

namespace gatetape::auditd {

// SealState is what the sealer does now.
struct SealState {
  SequencerCore::State state = SequencerCore::State::kClosed;
  std::string reason;  // why it does not seal; empty while it does
  bool is_rolled_back = false;
  uint64_t epoch = 0;
  uint64_t size = 0;  // of the newest checkpoint that it sealed
  double lag_s = 0;   // age of the oldest entry without a place; or of the last look
  uint64_t refused_entries = 0;
  std::string publishing;  // why the newest checkpoint is not published; empty while it is
  std::vector<WitnessState> witnesses;
};

class Sealer {
 public:
  struct Options {
    std::unique_ptr<SealStore> store;
    std::string publish_dir;
    NoteSigner signer;  // its name is the origin
    std::vector<WantedKey> keys;
    std::vector<PublicKey> recorders;
    struct Witness {
      VerifierKey key;
      std::string url;
    };
    std::vector<Witness> witnesses;
    const Clock& clock;
  };
  // The constructor starts the thread, the destructor stops it.
  explicit Sealer(Options options);
  ~Sealer();
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  // state returns the state as of now. Any thread.
  SealState state();

 private:
  void run();
  int64_t step();
  void write_notices();
  void publish();
  // cosign takes the replies of witnesses, and sends the newest checkpoint to those who are due.
  void take_replies();
  void ask_witnesses();
  void take_reply(WitnessTurn& turn, const WitnessReply& reply);
  void keep_state();

  const std::unique_ptr<SealStore> store_;
  const Clock& clock_;
  Publisher publisher_;  // the thread's, like the three below
  SequencerCore core_;
  std::string publishing_;    // as in SealState
  int64_t looked_at_ns_ = 0;  // monotonic time of the last look for entries

  absl::Mutex mutex_;
  SealState state_ ABSL_GUARDED_BY(mutex_);
  int64_t state_of_ns_ ABSL_GUARDED_BY(mutex_) = 0;  // monotonic time of the last look
  Pause pause_;                                      // woken by the witnesses
  std::vector<std::unique_ptr<WitnessLine>> witnesses_;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace gatetape::auditd
