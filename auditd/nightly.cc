#include "auditd/nightly.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/os/daemon.h"
#include "record/session_id.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Verdict;

constexpr int64_t kMinuteNs = 60'000'000'000;
constexpr int64_t kDayNs = 24 * 60 * kMinuteNs;
// After midnight UTC; until then the last transactions of the day have their place in the log.
constexpr int64_t kTimeOfDayNs = 30 * kMinuteNs;
constexpr int64_t kRetryNs = 10 * kMinuteNs;

// next_night returns the first 00:30 UTC after a time.
int64_t next_night(int64_t now_ns) {
  const int64_t tonight = now_ns / kDayNs * kDayNs + kTimeOfDayNs;
  return tonight > now_ns ? tonight : tonight + kDayNs;
}

std::string date_of(int64_t wall_ns) { return format_utc(wall_ns).substr(0, 10); }

}  // namespace

Nightly::Nightly(Options options)
    : options_(std::move(options)), due_ns_(next_night(options_.clock.wall_ns())) {}

void Nightly::tick() {
  const int64_t now_ns = options_.clock.wall_ns();
  if (now_ns < due_ns_ || stopped_) return;
  const int64_t day_ns = (now_ns / kDayNs - 1) * kDayNs;
  const Night night = verify_day(day_ns);
  if (stopped_) return;
  report(night, day_ns);
  const int64_t after_ns = options_.clock.wall_ns();
  due_ns_ = night.status.ok() ? next_night(after_ns)
                              : std::min(after_ns + kRetryNs, next_night(after_ns));
}

Nightly::Night Nightly::verify_day(int64_t day_ns) {
  Night night;
  VerifyRange range;
  range.since_ns = day_ns;
  range.until_ns = day_ns + kDayNs;
  night.status = options_.verify(
      range, [this] { return stopped_.load(); },
      [&](const Verdict& verdict) {
        if (night.counts[verdict.result()]++ == 0 && verdict.result() == Verdict::RESULT_TAMPERED)
          night.first_tampered = verdict;
        return stopped_ ? absl::CancelledError("auditd stops") : absl::OkStatus();
      });
  return night;
}

void Nightly::report(const Night& night, int64_t day_ns) {
  const std::string day = date_of(day_ns);
  const uint64_t tampered = night.counts[Verdict::RESULT_TAMPERED];
  const Verdict& first = night.first_tampered;
  std::string detail = tampered > 0 ? first.detail() : std::string(night.status.message());
  tampered_ = tampered;
  Event event{{"scope", day},
              {"result", tampered > 0        ? "tampered"
                         : night.status.ok() ? "intact"
                                             : "failed"}};
  event.add_number("intact", night.counts[Verdict::RESULT_INTACT]);
  event.add_number("unsigned", night.counts[Verdict::RESULT_UNSIGNED]);
  event.add_number("tampered", tampered);
  const auto session = SessionId::from_bytes(first.session_id());
  if (session.ok()) event.add("session", session->to_text());
  if (first.first_bad_seq() > 0) event.add_number("first_bad_seq", first.first_bad_seq());
  if (!detail.empty()) event.add("detail", detail);
  if (tampered > 0)
    log_error("verify_tampered",
              {{"day", day}, {"count", std::to_string(tampered)}, {"first", detail}});
  else if (!night.status.ok())
    log_error("verify_failed", {{"day", day}, {"reason", detail}});
  else
    log_info("verified",
             {{"day", day}, {"intact", std::to_string(night.counts[Verdict::RESULT_INTACT])}});
  if (absl::Status status = options_.record(event); !status.ok())
    log_error("verdict_not_recorded", {{"reason", std::string(status.message())}});
}

}  // namespace gatetape::auditd
