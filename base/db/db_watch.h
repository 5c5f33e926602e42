// DbWatch: ends a statement that nobody waits for any longer. libpqxx blocks until the server has
// answered; so a thread of this class looks at the running statement ten times per second and shuts
// the socket down when its deadline has passed or its result is unwanted. The blocked call then
// fails at once, and the server ends the statement because its client is gone
// (stops_with_client()). A cancel request of libpq would need a connection of its own, which can
// hang in the same way. Owned by a Db; only that connection's thread calls it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "base/os/fd.h"

namespace gatetape {

// The states: kAsleep (the thread waits for a statement), kAwake (no statement runs, but one may
// soon, so the thread still looks), kWatching (a statement runs), kEnded. Legal moves: kAsleep or
// kAwake -> kWatching -> kAwake -> kAsleep, and any but kWatching -> kEnded.
class DbWatch {
 public:
  // The watch keeps its own duplicate of the socket: libpq may close its descriptor at any time.
  explicit DbWatch(int socket);
  ~DbWatch();
  DbWatch(const DbWatch&) = delete;
  DbWatch& operator=(const DbWatch&) = delete;

  struct Limit {
    int64_t deadline_ns;                // of the monotonic clock
    std::function<bool()> is_unwanted;  // may be empty; called on the watch's thread
  };
  // start begins to watch a statement.
  void start(Limit limit);
  // finish ends it. It returns DEADLINE_EXCEEDED or CANCELLED when the watch shut the socket down;
  // is_unwanted is not called any more after that.
  absl::Status finish();

 private:
  enum class State { kAsleep, kAwake, kWatching, kEnded };

  void run();
  void look();
  void shut_down(absl::Status why);

  const Fd socket_;
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kAsleep;  // guarded by mutex_, like all below
  Limit limit_{};
  absl::Status stopped_;  // why the socket was shut down; OK while it was not
  int idle_looks_ = 0;    // looks in a row that found no statement
  std::thread thread_;    // last: it uses the rest
};

}  // namespace gatetape
