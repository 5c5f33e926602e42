// Dialer: makes the TCP connection to a target. It resolves the name, and tries one address after
// the other until one accepts or the time is over. The target's connection owns it; session loop
// only.
//
// Legal transitions of State:
//   kIdle -> kResolving -> kConnecting -> kDone
//   kResolving -> kDone: the name has no address, or the time is over
//   kConnecting -> kConnecting: the next address
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/os/fd.h"
#include "gateway/loop.h"
#include "gateway/reach/resolver.h"

namespace gatetape::gateway {

class Dialer : public Ready {
 public:
  // Done accepts the connected, non-blocking socket, and owns it. It gets UNAVAILABLE and the
  // reason of the last address when no address accepted.
  using Done = std::function<void(absl::StatusOr<Fd>)>;

  // `done` is called once, from the loop. It is not called after the destruction of this object,
  // and must not destroy it.
  Dialer(Loop& loop, Resolver& resolver, Done done);
  ~Dialer() override;
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  // start starts to dial. The attempt fails after `timeout_s` seconds; each address gets an equal
  // share of the time that is left when its turn comes. Call it once.
  void start(const HostPort& endpoint, uint32_t timeout_s);
  // on_tick checks the time. Nothing else ends an attempt that a peer does not answer.
  void on_tick(int64_t mono_ns);
  // done returns true when `done` has been called.
  bool done() const { return state_ == State::kDone; }
  // address returns the address that was tried last, as SocketAddress::to_text returns it, and an
  // empty text when none was tried.
  const std::string& address() const { return address_; }
  // tried returns the addresses that were tried, in their order.
  std::vector<std::string> tried() const;

  void on_ready(uint32_t events) override;

 private:
  enum class State { kIdle, kResolving, kConnecting, kDone };

  void on_resolved(const Resolver::Answer& answer);
  void try_next();
  bool connect_to(const SocketAddress& address);
  void close_socket();
  void finish(absl::StatusOr<Fd> result);

  Loop& loop_;
  Resolver& resolver_;
  const Done done_;
  State state_ = State::kIdle;
  uint32_t timeout_s_ = 0;
  int64_t deadline_ns_ = 0;
  std::vector<SocketAddress> addresses_;
  size_t next_ = 0;           // index of the address that is tried after the current one
  int64_t try_until_ns_ = 0;  // then the next address is tried
  Fd socket_;                 // being connected; the loop watches it
  std::string address_;
  std::string error_;  // why the last address failed
  Guard guard_;        // drops the resolver's answer after our destruction
};

}  // namespace gatetape::gateway
