// UnixListener: the unix socket of a daemon that serves gRPC. It owns the socket, because a socket
// that gRPC itself opens replaces the path of another running daemon and unlinks it later. It
// accepts only the user ids that it is given, and passes the connections to a gRPC server. The main
// thread constructs and closes it, and closes it before the server stops; one thread of its own
// accepts. The order of the calls is:
//
//   open() -> attach(builder) -> builder.BuildAndStart() -> start() -> close()
#pragma once

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/os/peer_role.h"

namespace gatetape {

// user_ids returns the ids of these users, of root and of the process itself. It fails with
// NOT_FOUND for a user that does not exist, and names it.
absl::StatusOr<std::vector<uid_t>> user_ids(const std::vector<std::string>& users);

// daemon_ids returns the ids of those accounts of the daemons with these roles that this machine
// has.
std::vector<uid_t> daemon_ids(const std::vector<PeerRole>& roles);

class UnixListener {
 public:
  // open binds `path` with mode 0660 and listens. It locks PATH.lock until this object is closed,
  // and fails with ALREADY_EXISTS when another process holds the lock. A socket file that no
  // process holds is replaced. A connection of a uid that is not in `allowed_uids` is closed before
  // anything is read from it.
  static absl::StatusOr<std::unique_ptr<UnixListener>> open(const std::string& path,
                                                            const std::vector<uid_t>& allowed_uids);
  ~UnixListener();
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  // attach registers this socket as a source of connections for the server. Call it before
  // BuildAndStart.
  void attach(grpc::ServerBuilder* builder);
  // start starts to accept connections. Call it after BuildAndStart. Connections that were made
  // since open() wait in the queue of the socket.
  void start();
  // close stops accepting and removes the socket file. Connections that gRPC owns already go on.
  void close();

 private:
  using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

  UnixListener(std::string path, int lock_fd, int listen_fd, int stop_fd);
  void accept_loop();
  void accept_one();

  std::string path_;
  int lock_fd_;
  int listen_fd_;
  int stop_fd_;  // an eventfd; it is readable when the thread must stop
  std::map<uid_t, std::unique_ptr<Acceptor>>
      acceptors_;  // one per uid, so that the uid of a call's peer is known
  std::thread thread_;
};

// peer_uid returns the user id of the process that made a call through a UnixListener: "uid 0". It
// returns "uid ?" for any other call. Any thread, during the call.
std::string peer_uid(const grpc::ServerContext& context);
// peer_account returns the account of the process that made a call through a UnixListener; a user
// id without an account gets its number as the name. It returns an empty text for any other call.
std::string peer_account(const grpc::ServerContext& context);

}  // namespace gatetape
