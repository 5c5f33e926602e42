// Farewell: disconnects a client before any key exchange, in a way that makes the client show the
// reason. It sends our identification line and one SSH_MSG_DISCONNECT, which is not encrypted
// before the first key exchange (RFC 4253 sections 4.2, 6 and 11.1). It reads and drops the
// client's bytes until the client has gone, at most for one second: with unread bytes in the
// socket, close() would send a TCP RST, and the client would lose the reason. Its loop owns it;
// that loop's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gateway/loop.h"

namespace gatetape::gateway {

class Farewell : public Member, public Ready {
 public:
  // The object owns `fd`, the non-blocking socket of a new connection. `why` is one line.
  // `on_closed` is called once, after the socket was closed.
  Farewell(Loop& loop, int fd, std::string_view why, std::function<void()> on_closed);
  ~Farewell() override;
  Farewell(const Farewell&) = delete;
  Farewell& operator=(const Farewell&) = delete;

  void on_ready(uint32_t events) override;
  void service() override {}
  void on_tick(int64_t mono_ns) override;
  bool finished() const override { return over_; }
  void shut_down(const std::string&) override { over_ = true; }

  // text returns the bytes that are sent to the client.
  static std::string text(std::string_view why);

 private:
  Loop& loop_;
  const int fd_;
  const std::function<void()> on_closed_;
  const int64_t until_ns_;
  bool over_ = false;
};

}  // namespace gatetape::gateway
