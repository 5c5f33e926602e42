// Service: RecorderService of record.proto, which makes a Stream of each call. Server: the gRPC
// server around it. The main thread makes both; calls arrive on gRPC's threads.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/os/unix_listener.h"
#include "gatetape/record/v1/record.grpc.pb.h"
#include "policy/config.h"
#include "recorder/checkpoint_watch.h"
#include "recorder/committer.h"
#include "recorder/stream.h"

namespace gatetape::recorder {

class Service final : public record::v1::RecorderService::Service {
 public:
  // `committer`, `key` and `checkpoints` live longer than the service. Without `checkpoints` no
  // writer gets any.
  Service(Committer* committer, const SigningKey* key, CheckpointWatch* checkpoints = nullptr)
      : parts_{committer, checkpoints}, key_(key) {}

  grpc::Status Record(grpc::ServerContext* context, Stream::Call* call) override;
  // drain asks every peer to half-close, and refuses new streams from then on. Any thread.
  void drain();
  // is_idle returns true when no call is being served. Any thread.
  bool is_idle();

 private:
  const Stream::Parts parts_;
  const SigningKey* const key_;
  absl::Mutex mutex_;
  std::set<Stream*> streams_ ABSL_GUARDED_BY(mutex_);  // those in run()
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

class Server {
 public:
  // start listens on `unix:PATH` (the user of this process, root and `allowed_users` may connect;
  // when `allowed_users` is empty, also the accounts gatetape-gateway and gatetape-auditd) or, with
  // mutual TLS, on HOST:PORT. It returns UNAVAILABLE, ALREADY_EXISTS, NOT_FOUND or INVALID_ARGUMENT
  // when it cannot. `service` lives longer than the server.
  static absl::StatusOr<std::unique_ptr<Server>> start(
      const std::string& endpoint, const TlsConfig& tls, Service* service,
      const std::vector<std::string>& allowed_users = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // set_serving sets what the standard health check (grpc.health.v1) answers. Any thread.
  void set_serving(bool serving);
  // stop drains, accepts no more connections, and returns when every stream ended. Streams that are
  // open after `patience` are cancelled.
  void stop(std::chrono::milliseconds patience);

 private:
  explicit Server(Service* service) : service_(service) {}

  Service* const service_;
  std::unique_ptr<UnixListener> listener_;  // null with TLS
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace gatetape::recorder
