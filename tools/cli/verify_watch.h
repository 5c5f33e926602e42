// VerifyWatch follows the verification of all sessions: it prints the progress on standard error,
// and ends the call at SIGINT or SIGTERM, so that what was verified is printed and a later call can
// go on. The main thread makes it before it connects, because it blocks both signals for all
// threads of the process.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "gatetape/audit/v1/audit.pb.h"

namespace gatetape::tools {

class VerifyWatch {
 public:
  struct Options {
    bool shows_progress = false;
    bool is_terminal = false;      // standard error is one: the line is written over
    std::function<void()> cancel;  // ends the call; another thread calls it
  };
  explicit VerifyWatch(Options options);
  ~VerifyWatch();
  VerifyWatch(const VerifyWatch&) = delete;
  VerifyWatch& operator=(const VerifyWatch&) = delete;

  // add takes the next verdict, and prints the progress at most once per second.
  void add(const audit::v1::Verdict& verdict);
  // finish ends the progress. It returns `status`, with the words to go on when the call ended
  // before all sessions were verified.
  absl::Status finish(const absl::Status& status);

 private:
  void print(bool is_last);

  const Options options_;
  sigset_t mask_{};      // of the thread, before the constructor
  std::string last_id_;  // of the last session; an audit verdict about a missing one may follow it
  uint64_t verified_ = 0;
  uint64_t sessions_ = 0;
  int64_t printed_at_ns_ = 0;
  std::atomic<bool> ended_{false};
  std::atomic<bool> interrupted_{false};
  std::thread signals_;  // last: it uses the rest
};

}  // namespace gatetape::tools
