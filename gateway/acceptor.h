// Acceptor: the listening sockets; hands each connection that Startups admits to one of the loops,
// in turn. Lives on the first loop.
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
  int fd = -1;            // non-blocking; the member that is made of it owns it
  std::string source;     // address:port of the client
  std::string source_ip;  // the address alone, as Startups knows it
};

class Acceptor : public Ready {
 public:
  // MakeMember returns the protocol's connection for a client. It is called on the loop's thread.
  using MakeMember = std::function<std::unique_ptr<Member>(Loop&, const Accepted&)>;

  // `loops` are not owned; they and this object live until the loops have stopped. The first loop
  // runs the acceptor.
  Acceptor(std::vector<Loop*> loops, Services& services, MakeMember make_member);
  ~Acceptor() override;
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // listen binds one endpoint (address:port); UNAVAILABLE with the reason. Before the loops run.
  absl::Status listen(const std::string& endpoint);
  // stop closes the sockets; on the first loop.
  void stop();
  void on_ready(uint32_t events) override;

 private:
  void accept_all(int listener);
  void take_with_spare(int listener);
  void turn_away(int fd, std::string_view why, std::function<void()> on_closed);

  const std::vector<Loop*> loops_;
  Services& services_;
  const MakeMember make_member_;
  std::vector<int> listeners_;
  int spare_fd_;          // for a client that comes when there is no other
  size_t farewells_ = 0;  // clients that are told that there are too many
  size_t next_loop_ = 0;
};

}  // namespace gatetape::gateway
