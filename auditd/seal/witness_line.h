// WitnessLine: the thread that asks one witness, one request at a time, so that a witness that is
// down delays nobody. The sealer owns it and alone calls it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "auditd/seal/witness_turn.h"
#include "base/os/pause.h"

namespace gatetape::auditd {

class WitnessLine {
 public:
  struct Options {
    VerifierKey key;
    std::string url;                 // without add-checkpoint
    std::function<void()> on_reply;  // called by the thread when a reply is there
  };
  explicit WitnessLine(Options options);
  ~WitnessLine();
  WitnessLine(const WitnessLine&) = delete;
  WitnessLine& operator=(const WitnessLine&) = delete;

  WitnessTurn& turn() { return turn_; }
  // send hands a request to the thread.
  void send(std::string body);
  // take_reply returns the reply once; nothing while there is none.
  std::optional<WitnessReply> take_reply();

 private:
  void run();
  WitnessReply post(const std::string& body) const;

  const Options options_;
  WitnessTurn turn_;
  absl::Mutex mutex_;
  std::optional<std::string> request_ ABSL_GUARDED_BY(mutex_);
  std::optional<WitnessReply> reply_ ABSL_GUARDED_BY(mutex_);
  Pause pause_;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace gatetape::auditd
