#include "gateway/refused_logins.h"

#include <utility>

#include "base/os/daemon.h"

namespace gatetape::gateway {
namespace {

using Verdict = RefusalWindows::Verdict;

// The order of the first two members is what packaging/fail2ban/filter.d/gatetape.conf matches.
void log_refused(const Event& attempt) {
  log_warn("login_refused", {{"source", std::string(attempt.get("source"))},
                             {"user", std::string(attempt.get("user"))},
                             {"method", std::string(attempt.get("method"))},
                             {"key_fingerprint", std::string(attempt.get("key_fingerprint"))},
                             {"reason", std::string(attempt.get("reason"))}});
}

}  // namespace

void RefusedLogins::refuse(const std::string& address, const Event& attempt, Done done) {
  log_refused(attempt);
  const RefusalWindows::Time now{clock_.mono_ns(), clock_.wall_ns()};
  RefusalWindows::Noted noted;
  {
    const absl::MutexLock lock(&mutex_);
    noted = windows_.note(FrameKind::kAuthAttempt, address, attempt, now);
    if (noted.verdict == Verdict::kDelay) delayed_[noted.key].push_back(std::exchange(done, {}));
  }
  if (noted.first_delayed) note_delay(attempt, now);
  if (noted.verdict == Verdict::kCount) done(absl::OkStatus());
  if (noted.verdict == Verdict::kRecord)
    log_.record_async(FrameKind::kAuthAttempt, attempt, std::move(done));
}

void RefusedLogins::note_delay(const Event& attempt, const RefusalWindows::Time& now) {
  Event delayed{{"source", std::string(attempt.get("source"))}};
  delayed.add_number("count", RefusalWindows::kUndelayedMax + 1);
  delayed.add("until_ns", std::to_string(now.wall_ns + RefusalWindows::kPeriodNs));
  log_.record_async(FrameKind::kAddressDelayed, delayed, nullptr);
}

void RefusedLogins::note_probes(const std::string& address, const Event& probes) {
  RefusalWindows::Noted noted;
  {
    const absl::MutexLock lock(&mutex_);
    noted =
        windows_.note(FrameKind::kKeyProbe, address, probes, {clock_.mono_ns(), clock_.wall_ns()});
  }
  if (noted.verdict == Verdict::kRecord) log_.record_async(FrameKind::kKeyProbe, probes, nullptr);
}

void RefusedLogins::flush(bool all) {
  std::vector<std::pair<RefusalWindows::Counted, std::vector<Done>>> ended;
  {
    const absl::MutexLock lock(&mutex_);
    for (RefusalWindows::Counted& counted : windows_.end_windows(clock_.mono_ns(), all)) {
      auto delayed = delayed_.extract(counted.key);
      ended.emplace_back(std::move(counted),
                         delayed.empty() ? std::vector<Done>() : std::move(delayed.mapped()));
    }
  }
  for (auto& [counted, delayed] : ended) record(counted, std::move(delayed));
}

void RefusedLogins::record(const RefusalWindows::Counted& counted, std::vector<Done> delayed) {
  log_.record_async(counted.key.first, counted.to_event(),
                    [this, counted, delayed = std::move(delayed)](const absl::Status& recorded) {
                      for (const Done& done : delayed) done(recorded);
                      if (recorded.ok()) return;
                      const absl::MutexLock lock(&mutex_);
                      windows_.put_back(counted, clock_.mono_ns());
                    });
}

}  // namespace gatetape::gateway
