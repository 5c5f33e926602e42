// RecordLink: the Record stream of this process to a recorder: two threads around a Spool, failover
// between recorders, and a watchdog for acknowledgements. One per process. Public functions: any
// thread. Nothing is acknowledged here: an event reaches a session only when the recorder sent it.
//
// The stream:
//   kNone --serve--> kOpen --the first response--> kAnswering --the recorder drains--> kDraining
//   kOpen, kAnswering, kDraining --no more responses--> kBroken --serve returns--> kNone
// No other transition is legal.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/os/pause.h"
#include "base/os/tls_files.h"
#include "tee/inbox.h"
#include "tee/spool.h"

namespace grpc {
class Channel;
class ClientContext;
template <class W, class R>
class ClientReaderWriter;
}  // namespace grpc

namespace gatetape::tee {

// CheckpointPort is what a writer has and learns of the log. The link calls it without a lock.
class CheckpointPort {
 public:
  virtual ~CheckpointPort() = default;
  // known_size returns the size of the newest checkpoint that the writer has verified, 0 for none.
  // It is called when a stream begins, on the writer thread; the proofs of that stream go on from
  // this size.
  virtual uint64_t known_size() = 0;
  // on_checkpoint accepts what the recorder says of the log, on the reader thread; it must not
  // block.
  virtual void on_checkpoint(const record::v1::Checkpoint& checkpoint) = 0;
};

class RecordLink {
 public:
  struct Options {
    std::vector<std::string> endpoints;  // unix:PATH or HOST:PORT, tried in this order
    TlsConfig tls;                       // for HOST:PORT
    // A stream is dropped when an acknowledgement is due for this long and none arrives.
    uint32_t ack_stall_ms = 5000;
    CheckpointPort* checkpoints = nullptr;  // null asks for none; outlives the link
  };

  explicit RecordLink(Options options);
  ~RecordLink();
  RecordLink(const RecordLink&) = delete;
  RecordLink& operator=(const RecordLink&) = delete;

  // stop ends the threads. What was not acknowledged stays so. No sink is called after it: stop the
  // link before a sink is destroyed. It may be called again; one thread.
  void stop();

  // open announces a session and returns its handle. The events of the session go to `sink` until
  // the link stops.
  uint32_t open(const SessionId& session, const std::string& commit_key, EventSink* sink);
  // add queues the next frame of a session.
  void add(uint32_t handle, FramePtr frame);
  // close queues the last frame and the signed head over all frames. They are queued together, so
  // that no last frame is stored without its head.
  void close(uint32_t handle, FramePtr last, CloseItem close);
  // forget drops a session; its sink is not called any more.
  void forget(uint32_t handle);
  // connected returns true when a recorder has answered on the current stream.
  bool connected();
  // unacknowledged returns the number of frames of all sessions that wait for the recorder.
  size_t unacknowledged();
  // last_error returns why there is no stream, an empty text when connected.
  std::string last_error();

 private:
  enum class Stream { kNone, kOpen, kAnswering, kDraining, kBroken };
  using Call = grpc::ClientReaderWriter<record::v1::RecordRequest, record::v1::RecordResponse>;
  using Deliveries = std::map<EventSink*, std::vector<TeeEvent>>;

  bool is_connected() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void has_work() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static bool may_follow(Stream from, Stream to);
  void move_to(Stream to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void cancel() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Deliveries sort(std::vector<TeeEvent> events) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The writer thread.
  void run();
  bool try_endpoint(size_t at, const std::shared_ptr<grpc::Channel>& channel);
  bool serve(const std::shared_ptr<grpc::Channel>& channel);
  bool begin(grpc::ClientContext* context);
  void write_requests(Call* call);
  bool next_request(record::v1::RecordRequest* request);
  bool ask_for_checkpoints(record::v1::RecordRequest* request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void end(const std::string& error);
  // The reader thread of a stream.
  bool read_responses(Call* call);
  void on_response(const record::v1::RecordResponse& response);
  // The watchdog thread.
  void watch();
  void check_progress(std::chrono::milliseconds* patience) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  absl::Mutex mutex_;
  absl::CondVar changed_;  // for the writer: work_, stream_ or stopping_
  Pause stopped_;          // of the writer and the watchdog
  Spool spool_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, EventSink*> sinks_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_handle_ ABSL_GUARDED_BY(mutex_) = 1;
  Stream stream_ ABSL_GUARDED_BY(mutex_) = Stream::kNone;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;  // unless kNone
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool work_ ABSL_GUARDED_BY(mutex_) = false;  // the spool may have something to send
  // The checkpoint_size of the first request of the stream, until that is written.
  std::optional<uint64_t> checkpoint_size_ ABSL_GUARDED_BY(mutex_);
  int64_t progress_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string error_ ABSL_GUARDED_BY(mutex_) = "not connected yet";
  std::thread writer_;
  std::thread watchdog_;
};

}  // namespace gatetape::tee
