// CheckpointWatch: reads the newest checkpoint of the log once per second and passes it to the
// streams whose writers asked for it, with the proof that it extends what the writer has
// (docs/FORMAT.md section 9.3). It has a thread and a connection of its own, so that no commit
// waits for it. What it reads is not verified here: the writer does that, because it trusts no
// recorder.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/db/db.h"
#include "base/os/pause.h"
#include "gatetape/record/v1/record.pb.h"
#include "log/db/log_rows.h"

namespace gatetape::recorder {

// CheckpointSink accepts checkpoints on the watch's thread; it must not block.
class CheckpointSink {
 public:
  virtual ~CheckpointSink() = default;
  // on_checkpoint returns true when the writer will get this checkpoint. After a false one the
  // watch offers the newest checkpoint again a second later.
  virtual bool on_checkpoint(const record::v1::Checkpoint& checkpoint) = 0;
};

class CheckpointWatch {
 public:
  // `options` are those of the recorder's database.
  explicit CheckpointWatch(DbOptions options);
  ~CheckpointWatch();
  CheckpointWatch(const CheckpointWatch&) = delete;
  CheckpointWatch& operator=(const CheckpointWatch&) = delete;

  // ask makes the watch pass the newest checkpoint to `sink` at once, and each newer one, while the
  // sink lives. `size` is that of the checkpoint that the writer has, 0 for none. Any thread.
  void ask(const std::weak_ptr<CheckpointSink>& sink, uint64_t size);

 private:
  // Asker is a stream, and what its writer has.
  struct Asker {
    std::weak_ptr<CheckpointSink> sink;
    uint64_t size = 0;            // of the writer's checkpoint
    std::optional<uint64_t> n{};  // of the row that was passed last, 0 for an empty table
  };
  using Newest = std::optional<StoredCheckpoint>;

  void look();
  absl::Status tell_all();
  absl::Status tell(Asker* asker, const Newest& newest);
  absl::StatusOr<record::v1::Checkpoint> message_for(const Asker& asker, const Newest& newest);
  void report(const absl::Status& status);

  const DbOptions options_;
  // The watch's thread alone uses these three.
  std::unique_ptr<Db> db_;
  std::vector<Asker> askers_;
  absl::Status reported_;
  absl::Mutex mutex_;
  std::vector<Asker> asked_ ABSL_GUARDED_BY(mutex_);  // not in askers_ yet
  Pause pause_;
  std::thread thread_;
};

}  // namespace gatetape::recorder
