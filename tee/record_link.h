// RecordLink: this process's Record stream to a recorder: two threads around a Spool, failover
// between endpoints, an ack watchdog. One a process. Public functions: any thread.
//
// Nothing is ever acknowledged here: an event reaches a session only when the recorder said so.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
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
}  // namespace grpc

namespace gatetape::tee {

class RecordLink {
 public:
  struct Options {
    std::vector<std::string> endpoints;  // unix:PATH or HOST:PORT, tried in order
    TlsConfig tls;                       // for HOST:PORT
    uint32_t ack_stall_ms =
        5000;  // without an ack that is owed for this long the stream is dropped
  };

  explicit RecordLink(Options options);
  ~RecordLink();
  RecordLink(const RecordLink&) = delete;
  RecordLink& operator=(const RecordLink&) = delete;

  // stop ends the threads; what was not acknowledged stays so. After it no sink is called: stop the
  // link before any sink goes. Idempotent; one thread.
  void stop();

  // open announces a session; its events go to `sink` until the link stops. Gives its handle.
  uint32_t open(const SessionId& session, const std::string& commit_key, EventSink* sink);
  void add(uint32_t handle, FramePtr frame);
  // close adds the last frame and the signed head: they go together, so that no end is stored that
  // has no head.
  void close(uint32_t handle, FramePtr last, CloseItem close);
  void forget(uint32_t handle);
  // connected tells whether a recorder answered on the current stream.
  bool connected() const { return connected_; }
  // unacknowledged is how many frames of all sessions the recorder has yet to answer.
  size_t unacknowledged();
  // last_error is why there is no stream, empty when connected.
  std::string last_error();

 private:
  void run();
  void watch();
  bool serve(const std::shared_ptr<grpc::Channel>& channel);
  void on_response(const record::v1::RecordResponse& response);

  const Options options_;
  std::atomic<bool> connected_{false};
  absl::Mutex mutex_;
  absl::CondVar changed_;  // for the writer: work_, stream_dead_, draining_ or stop_
  Pause stopped_;          // for who sleeps
  Spool spool_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, EventSink*> sinks_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_handle_ ABSL_GUARDED_BY(mutex_) = 1;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool stream_dead_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool work_ ABSL_GUARDED_BY(mutex_) = false;  // something may be ready to send
  int64_t progress_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string error_ ABSL_GUARDED_BY(mutex_) = "not connected yet";
  std::thread writer_;
  std::thread watchdog_;
};

}  // namespace gatetape::tee
