// Dialer: makes the TCP connection to a target. It resolves the name, and tries its addresses at
// the pace of RFC 8305 ("Happy Eyeballs"): the next attempt starts 250 ms after the one before, or
// when it has failed, and does not end it. The first connection is taken, and the other attempts
// are closed. The target's connection owns the dialer; session loop only.
//
// Legal transitions of State:
//   kIdle -> kResolving -> kConnecting -> kDone
//   kResolving -> kDone: the name has no address, or the time is over
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/os/fd.h"
#include "gateway/loop.h"
#include "gateway/reach/resolver.h"

namespace gatetape::gateway {

class Dialer {
 public:
  // Done accepts the connected, non-blocking socket, and owns it. It gets UNAVAILABLE and the
  // reason of the attempt that failed last when no address accepted.
  using Done = std::function<void(absl::StatusOr<Fd>)>;

  // `done` is called once, from the loop. It is not called after the destruction of this object,
  // and must not destroy it.
  Dialer(Loop& loop, Resolver& resolver, Done done);
  // The destructor closes all attempts, and cancels a look-up.
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  // start starts to dial for a user. It fails after `timeout_s` seconds. Call it once.
  void start(const HostPort& endpoint, const std::string& user, uint32_t timeout_s);
  // on_tick checks the time: it starts the next attempt, and ends all attempts that no peer
  // answers.
  void on_tick(int64_t mono_ns);
  // done returns true when `done` has been called.
  bool done() const { return state_ == State::kDone; }
  // address returns the address that accepted, and otherwise the one that was tried last, as
  // SocketAddress::to_text returns it. It returns an empty text when none was tried.
  const std::string& address() const { return address_; }
  // tried returns the addresses that were tried, in their order.
  std::vector<std::string> tried() const;

 private:
  enum class State { kIdle, kResolving, kConnecting, kDone };
  // Attempt is a connection that is being made. The loop reports when connect() has finished, with
  // or without success.
  class Attempt : public Ready {
   public:
    Attempt(Dialer& dialer, Fd socket, std::string address)
        : dialer_(dialer), socket_(std::move(socket)), address_(std::move(address)) {
      dialer_.loop_.watch(socket_.get(), EPOLLOUT, this);
    }
    ~Attempt() override {
      if (socket_.get() >= 0) dialer_.loop_.unwatch(socket_.get());
    }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    // error returns why connect() has failed, 0 after a success.
    int error() const;
    const std::string& address() const { return address_; }
    // take returns the socket, which the loop does not watch any more.
    Fd take();
    // on_ready destroys this object.
    void on_ready(uint32_t) override { dialer_.on_finished(this); }

   private:
    Dialer& dialer_;
    Fd socket_;
    const std::string address_;
  };

  void on_resolved(const Resolver::Answer& answer);
  void try_next();
  bool connect_to(const SocketAddress& address);
  void on_finished(Attempt* attempt);
  void finish(absl::StatusOr<Fd> result);

  Loop& loop_;
  Resolver& resolver_;
  const Done done_;
  State state_ = State::kIdle;
  uint32_t timeout_s_ = 0;
  int64_t deadline_ns_ = 0;
  uint64_t query_ = 0;  // of the resolver
  std::vector<SocketAddress> addresses_;
  size_t next_ = 0;            // index of the address that is tried next
  int64_t next_after_ns_ = 0;  // then the next address is tried
  std::vector<std::unique_ptr<Attempt>> attempts_;
  std::string address_;
  std::string error_;  // why the last attempt failed
  Guard guard_;        // drops the resolver's answer after our destruction
};

}  // namespace gatetape::gateway
