// RollbackGuard: the guard against an older database around the decisions of CheckpointGuard. It
// learns the newest checkpoint of the log from the link, keeps it in a file, and records a rollback
// and its acceptance. A thread of its own does what may block: files, and the wait for a frame.
// main owns it. Any thread.
//
// A rollback that is noticed while sessions are open ends none of them: what passes in them is
// recorded before it passes, also now, and a session whose acknowledged frames are gone is refused
// by the link (tee/spool). For the same reason a stream that begins does not refuse sessions until
// its checkpoint has arrived: it arrives within about a second, and what passes until then is
// recorded. At the start of the process it does, because no frame of a session binds this gateway
// to the database yet.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/os/pause.h"
#include "gateway/checkpoint_files.h"
#include "gateway/checkpoint_guard.h"
#include "policy/config.h"
#include "tee/record_link.h"
#include "tee/system_log.h"

namespace gatetape::gateway {

class RollbackGuard : public tee::CheckpointPort {
 public:
  // open reads the keys of [gateway] log_keys and the kept checkpoint. It fails as load_log_keys
  // does, and when the checkpoint file cannot be read. Without keys it returns null: nothing is
  // guarded.
  static absl::StatusOr<std::unique_ptr<RollbackGuard>> open(const GatewayConfig& config);
  ~RollbackGuard() override { stop(); }
  RollbackGuard(const RollbackGuard&) = delete;
  RollbackGuard& operator=(const RollbackGuard&) = delete;

  // start begins to record and to keep. It waits at most for a second for the first check, so that
  // the first users after a restart need not come again. `log` outlives stop().
  void start(tee::SystemLog& log);
  // stop ends the thread. It may be called again.
  void stop();

  // refusal returns why no session may be opened, in words for the user; empty when one may.
  std::string refusal();
  // is_rolled_back and size are for metrics.
  bool is_rolled_back();
  uint64_t known_size() override;

  // tee::CheckpointPort
  void on_checkpoint(const record::v1::Checkpoint& checkpoint) override;

 private:
  using State = CheckpointGuard::State;

  RollbackGuard(std::vector<VerifierKey> log_keys, const std::string& kept, CheckpointFiles files)
      : files_(std::move(files)), core_(std::move(log_keys), kept), noted_(core_.state()) {}
  void step();
  void record_rollback();
  void keep();
  void show_state();
  void look_for_acceptance();
  void accept(const Acceptance& acceptance);
  void report(const absl::Status& status);

  const CheckpointFiles files_;
  tee::SystemLog* log_ = nullptr;  // since start()
  absl::Mutex mutex_;
  CheckpointGuard core_ ABSL_GUARDED_BY(mutex_);
  std::optional<CheckpointGuard::Rollback> seen_ ABSL_GUARDED_BY(mutex_);  // not recorded yet
  // The guard's thread alone uses these.
  State noted_;           // by the files
  std::string reported_;  // the newest failure
  Pause checked_;
  Pause pause_;
  std::thread thread_;
};

}  // namespace gatetape::gateway
