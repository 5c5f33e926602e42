// Acceptor: the listening sockets. It passes each connection that Startups admits to one of the
// loops, in turn. Runs on the first loop.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/loop.h"
#include "gateway/services.h"

namespace gatetape::gateway {

// Accepted is a TCP connection that Startups admitted.
struct Accepted {
  int fd = -1;             // non-blocking; the member that make_member returns owns it
  std::string source;      // address:port of the client
  std::string counted_as;  // what Startups counts it by
};

class Acceptor : public Ready {
 public:
  // MakeMember returns the member that serves a client's connection. It is called on the thread of
  // the given loop.
  using MakeMember = std::function<std::unique_ptr<Member>(Loop&, const Accepted&)>;

  // `loops` are not owned. They and this object must live until the loops have stopped. The first
  // loop runs the acceptor.
  Acceptor(std::vector<Loop*> loops, Services& services, MakeMember make_member);
  ~Acceptor() override;
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // listen starts to listen on one endpoint (address:port). It fails with UNAVAILABLE and the
  // reason. Call it before the loops run.
  absl::Status listen(const std::string& endpoint);
  // stop stops listening and closes the sockets. First loop.
  void stop();
  void on_ready(uint32_t events) override;

 private:
  void accept_all(int listener);
  void accept_with_spare(int listener);
  void disconnect(int fd, std::string_view why, std::function<void()> on_closed);

  const std::vector<Loop*> loops_;
  Services& services_;
  const MakeMember make_member_;
  std::vector<int> listeners_;
  int spare_fd_;          // is closed to accept a client when the process has no descriptor left
  size_t farewells_ = 0;  // disconnects in progress for clients above a limit of Startups
  size_t next_loop_ = 0;
};

}  // namespace gatetape::gateway
