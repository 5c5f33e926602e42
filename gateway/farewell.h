// Farewell: the end of a connection that is turned away before any key exchange, so that its client
// shows the reason: our identification line and one SSH_MSG_DISCONNECT, which before the first key
// exchange is plain (RFC 4253 sections 4.2, 6 and 11.1). Stays until the client has gone or a
// second is over: bytes of the client that nobody reads would make a RST that overtakes the reason.
// Lives on its loop, which owns it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gateway/loop.h"

namespace gatetape::gateway {

class Farewell : public Member, public Ready {
 public:
  // Takes `fd`, a new connection's non-blocking socket. `why` is one line; `on_closed` is called
  // once, after the socket was closed.
  Farewell(Loop& loop, int fd, std::string_view why, std::function<void()> on_closed);
  ~Farewell() override;
  Farewell(const Farewell&) = delete;
  Farewell& operator=(const Farewell&) = delete;

  void on_ready(uint32_t events) override;
  void service() override {}
  void on_tick(int64_t mono_ns) override;
  bool finished() const override { return over_; }
  void shut_down(const std::string&) override { over_ = true; }

  // text gives the bytes that the client gets.
  static std::string text(std::string_view why);

 private:
  Loop& loop_;
  const int fd_;
  const std::function<void()> on_closed_;
  const int64_t until_ns_;
  bool over_ = false;
};

}  // namespace gatetape::gateway
