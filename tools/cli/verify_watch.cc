#include "tools/cli/verify_watch.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "client/session_view.h"

namespace gatetape::tools {
namespace {

constexpr int64_t kPrintEveryNs = 1'000'000'000;
// How long the end of a verification waits for the thread, in ns.
constexpr long kPollNs = 100'000'000;

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM}) sigaddset(&set, number);
  return set;
}

}  // namespace

VerifyWatch::VerifyWatch(Options options) : options_(std::move(options)) {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, &mask_);
  signals_ = std::thread([this, set] {
    const timespec pause{.tv_sec = 0, .tv_nsec = kPollNs};
    while (!ended_) {
      if (sigtimedwait(&set, nullptr, &pause) < 0) continue;
      interrupted_ = true;
      options_.cancel();
    }
  });
}

VerifyWatch::~VerifyWatch() {
  ended_ = true;
  signals_.join();
  pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
}

void VerifyWatch::add(const audit::v1::Verdict& verdict) {
  sessions_ = verdict.sessions();
  // A verdict about a session that another one names may have any id.
  if (verdict.session_id() > last_id_ && sessions_ > 0) {
    last_id_ = verdict.session_id();
    verified_++;
  }
  print(false);
}

void VerifyWatch::print(bool is_last) {
  const int64_t now_ns = system_clock().mono_ns();
  if (!options_.shows_progress || sessions_ == 0) return;
  if (!is_last && now_ns - printed_at_ns_ < kPrintEveryNs) return;
  printed_at_ns_ = now_ns;
  const char* end = options_.is_terminal && !is_last ? "\r" : "\n";
  std::fprintf(stderr, "%lu of %lu sessions verified%s", verified_, sessions_, end);
}

absl::Status VerifyWatch::finish(const absl::Status& status) {
  print(true);
  const bool is_whole = status.ok() && !interrupted_;
  if (is_whole || last_id_.empty()) return status;
  const std::string why = interrupted_ ? "interrupted" : std::string(status.message());
  return absl::Status(
      interrupted_ ? absl::StatusCode::kCancelled : status.code(),
      absl::StrCat(why, "; to go on: gatetape verify --all --after ", client::id_text(last_id_)));
}

}  // namespace gatetape::tools
