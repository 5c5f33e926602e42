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

class Acceptor : public Ready {
 public:
  // `loops` are not owned and outlive this; the first one runs it.
  Acceptor(std::vector<Loop*> loops, Services& services);
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
  std::vector<int> listeners_;
  int spare_fd_;          // for a client that comes when there is no other
  size_t farewells_ = 0;  // clients that are told that there are too many
  size_t next_loop_ = 0;
};

}  // namespace gatetape::gateway
