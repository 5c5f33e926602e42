// UnixListener: the unix socket of a daemon that serves gRPC. It owns the socket (gRPC's own would
// take over another daemon's path and unlink it later), lets in only the user ids it is told, and
// hands the connections to a gRPC server. Made and closed by the main thread; one thread of its own
// accepts.
//
//   open() -> attach(builder) -> builder.BuildAndStart() -> start() -> close(), before the server
//   goes
#pragma once

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace gatetape {

// user_ids gives the ids of these users, the process's own and root's; NOT_FOUND names the one that
// does not exist.
absl::StatusOr<std::vector<uid_t>> user_ids(const std::vector<std::string>& users);

class UnixListener {
 public:
  // open binds `path` with mode 0660 and listens. PATH.lock is locked as long as this lives:
  // ALREADY_EXISTS when another process holds it; a socket file that nobody holds is replaced.
  // Peers of another uid than `allowed_uids` are cut off before they can say a word.
  static absl::StatusOr<std::unique_ptr<UnixListener>> open(const std::string& path,
                                                            const std::vector<uid_t>& allowed_uids);
  ~UnixListener();
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  // attach makes the builder's server take this socket's connections; before BuildAndStart.
  void attach(grpc::ServerBuilder* builder);
  // start begins to accept; after BuildAndStart. Clients that connected since open() waited in the
  // queue.
  void start();
  // close stops to accept and removes the socket file; connections that were handed over live on.
  void close();

 private:
  using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

  UnixListener(std::string path, int lock_fd, int listen_fd, int stop_fd);
  void accept_loop();
  void accept_one();

  std::string path_;
  int lock_fd_;
  int listen_fd_;
  int stop_fd_;  // an eventfd; readable = stop
  std::map<uid_t, std::unique_ptr<Acceptor>>
      acceptors_;  // one a uid, so that each call knows its peer
  std::thread thread_;
};

// peer_uid gives the user id of the process behind a call that came through a UnixListener, "uid
// 0"; "uid ?" for any other call. Any thread, within the call.
std::string peer_uid(const grpc::ServerContext& context);

}  // namespace gatetape
