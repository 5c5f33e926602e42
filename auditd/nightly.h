// Nightly: verifies each night, at 00:30 UTC, the sessions that began on the day before, and the
// whole log, and records what it found as a frame `verdict`. A verification that fails is tried
// again every ten minutes until the day ends. One thread calls tick; any thread the rest.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "auditd/verify/verify_all.h"
#include "base/clock.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "record/event.h"

namespace gatetape::auditd {

class Nightly {
 public:
  struct Options {
    const Clock& clock;
    // verify verifies a range. It ends early, with an error, once `is_unwanted` returns true.
    std::function<absl::Status(const VerifyRange& range, const std::function<bool()>& is_unwanted,
                               VerifyAll::Emit emit)>
        verify;
    std::function<absl::Status(const Event& event)> record;
  };
  explicit Nightly(Options options);

  // tick verifies the day before when that is due, and returns at once otherwise.
  void tick();
  // stop ends a verification that runs; no other begins.
  void stop() { stopped_ = true; }
  // tampered returns the number of verdicts `tampered` of the last verification.
  uint64_t tampered() const { return tampered_; }

 private:
  // Night is what a verification found.
  struct Night {
    uint64_t counts[audit::v1::Verdict::Result_ARRAYSIZE] = {};
    audit::v1::Verdict first_tampered;
    absl::Status status;
  };
  Night verify_day(int64_t day_ns);
  void report(const Night& night, int64_t day_ns);

  const Options options_;
  int64_t due_ns_;
  std::atomic<bool> stopped_{false};
  std::atomic<uint64_t> tampered_{0};
};

}  // namespace gatetape::auditd
