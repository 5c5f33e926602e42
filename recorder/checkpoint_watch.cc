#include "recorder/checkpoint_watch.h"

#include <chrono>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/os/daemon.h"
#include "log/db/db_node_source.h"
#include "log/proof.h"

namespace gatetape::recorder {
namespace {

// Time between two looks at the table. A checkpoint is made at most once per second.
constexpr std::chrono::seconds kEvery(1);

}  // namespace

CheckpointWatch::CheckpointWatch(DbOptions options)
    : options_(std::move(options)), thread_([this] {
        while (!pause_.wait(kEvery)) look();
      }) {}

CheckpointWatch::~CheckpointWatch() {
  pause_.end();
  thread_.join();
}

void CheckpointWatch::ask(const std::weak_ptr<CheckpointSink>& sink, uint64_t size) {
  {
    const absl::MutexLock lock(&mutex_);
    asked_.push_back({.sink = sink, .size = size});
  }
  pause_.wake();
}

void CheckpointWatch::look() {
  {
    const absl::MutexLock lock(&mutex_);
    std::move(asked_.begin(), asked_.end(), std::back_inserter(askers_));
    asked_.clear();
  }
  std::erase_if(askers_, [](const Asker& asker) { return asker.sink.expired(); });
  if (askers_.empty()) return;
  const absl::Status told = tell_all();
  if (!told.ok()) db_ = nullptr;
  report(told);
}

absl::Status CheckpointWatch::tell_all() {
  if (db_ == nullptr) {
    absl::StatusOr<std::unique_ptr<Db>> db = Db::open(options_);
    if (!db.ok()) return db.status();
    db_ = *std::move(db);
  }
  const absl::StatusOr<Newest> newest = newest_checkpoint(*db_);
  if (!newest.ok()) return newest.status();
  for (Asker& asker : askers_)
    if (absl::Status told = tell(&asker, *newest); !told.ok()) return told;
  CHECK(db_ != nullptr && !askers_.empty(), askers_.size());
  return absl::OkStatus();
}

absl::Status CheckpointWatch::tell(Asker* asker, const Newest& newest) {
  const uint64_t n = newest ? newest->n : 0;
  if (asker->n == n) return absl::OkStatus();
  const absl::StatusOr<record::v1::Checkpoint> message = message_for(*asker, newest);
  if (!message.ok()) return message.status();
  const std::shared_ptr<CheckpointSink> sink = asker->sink.lock();
  if (sink == nullptr || !sink->on_checkpoint(*message)) return absl::OkStatus();
  asker->n = n;
  if (newest) asker->size = newest->size;
  CHECK(asker->n.has_value() && asker->size == (newest ? newest->size : message->old_size()), n);
  return absl::OkStatus();
}

// A log without the rows of a proof is sent without it: the writer must learn that nothing shows
// that the log extends what the writer has.
absl::StatusOr<record::v1::Checkpoint> CheckpointWatch::message_for(const Asker& asker,
                                                                    const Newest& newest) {
  CHECK(db_ != nullptr, asker.size);
  record::v1::Checkpoint message;
  message.set_old_size(asker.size);
  if (!newest) return message;
  message.set_note(newest->note);
  if (newest->size < asker.size) return message;
  DbNodeSource nodes(*db_);
  const absl::StatusOr<std::vector<Hash>> proof =
      consistency_proof(nodes, asker.size, newest->size);
  if (!proof.ok() && !absl::IsDataLoss(proof.status())) return proof.status();
  if (!proof.ok()) return message;
  for (const Hash& hash : *proof) message.add_consistency_proof(std::string(view(hash)));
  return message;
}

// report writes one line when reading begins to fail, and one when it works again.
void CheckpointWatch::report(const absl::Status& status) {
  if (status.ok() == reported_.ok()) return;
  reported_ = status;
  CHECK(status.ok() || db_ == nullptr, status.ToString());
  if (status.ok())
    log_info("checkpoints_read");
  else
    log_warn("checkpoints_not_read", {{"reason", std::string(status.message())}});
}

}  // namespace gatetape::recorder
