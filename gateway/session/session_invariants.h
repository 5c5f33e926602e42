// SessionInvariants: everything that must hold of a session between two events, in one place. The
// simulator checks all of it after each of its steps; the cheap half is checked after each service,
// in release builds too. A violation aborts (CHECK).
#pragma once

#include <cstdint>
#include <map>

#include "gateway/session/session_core.h"

namespace gatetape::gateway {

class SessionInvariants {
 public:
  // check_cheap checks what costs no more than a look at each channel.
  static void check_cheap(const SessionCore& session);
  // check_all checks everything that can be seen at one moment: it also counts what outboxes hold.
  static void check_all(const SessionCore& session);
  // check_step is check_all, and that nothing has gone back since it was called before on this
  // object, which belongs to one session.
  void check_step(const SessionCore& session);

 private:
  // Seen is how far one channel had come.
  struct Seen {
    ChannelCore::State state = ChannelCore::State::kOffered;
    std::array<int, 6> phases{};
  };

  static void check_record(const SessionCore& session);
  static void check_waiting(const SessionCore& session);
  static void check_channel(const SessionCore& session, const ChannelCore& channel);
  static void check_end(const ChannelCore& channel, Side side);
  static void check_outbox(const SessionCore& session, const ChannelCore& channel, Side side);
  static Seen seen_of(const ChannelCore& channel);

  SessionCore::State state_ = SessionCore::State::kOpening;
  uint64_t released_ = 0;
  uint32_t last_channel_ = 0;
  std::map<uint32_t, Seen> channels_;
};

}  // namespace gatetape::gateway
