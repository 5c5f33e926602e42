#include "tools/cli/verify_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/os/pause.h"
#include "record/session_id.h"

namespace gatetape::tools {
namespace {

using audit::v1::Verdict;

const SessionId kFirst = SessionId::mint(1'800'000'000'000'000'000);
const SessionId kSecond = SessionId::mint(1'800'000'001'000'000'000);

Verdict verdict_of(const SessionId& session) {
  Verdict verdict;
  verdict.set_session_id(std::string(session.bytes()));
  verdict.set_sessions(3);
  return verdict;
}

TEST(VerifyWatch, a_signal_ends_the_call_and_says_how_to_go_on) {
  Pause cancelled;
  VerifyWatch watch(
      {.shows_progress = false, .is_terminal = false, .cancel = [&] { cancelled.end(); }});
  watch.add(verdict_of(kFirst));
  watch.add(verdict_of(kSecond));
  watch.add(verdict_of(kFirst));  // about a session that another one names
  ASSERT_EQ(kill(getpid(), SIGINT), 0);
  ASSERT_TRUE(cancelled.wait(std::chrono::seconds(20)));
  const absl::Status status = watch.finish(absl::CancelledError("cancelled"));
  EXPECT_EQ(status.message(),
            "interrupted; to go on: gatetape verify --all --after " + kSecond.to_text());
}

TEST(VerifyWatch, a_call_that_fails_says_how_to_go_on) {
  VerifyWatch watch({.shows_progress = false, .is_terminal = false, .cancel = [] {}});
  EXPECT_EQ(watch.finish(absl::UnavailableError("gone")).message(), "gone") << "nothing was done";
  watch.add(verdict_of(kFirst));
  EXPECT_EQ(watch.finish(absl::UnavailableError("gone")).message(),
            "gone; to go on: gatetape verify --all --after " + kFirst.to_text());
  EXPECT_TRUE(watch.finish(absl::OkStatus()).ok());
}

TEST(VerifyWatch, progress_is_a_line_at_the_end) {
  testing::internal::CaptureStderr();
  {
    VerifyWatch watch({.shows_progress = true, .is_terminal = true, .cancel = [] {}});
    watch.add(verdict_of(kFirst));
    watch.add(verdict_of(kSecond));
    EXPECT_TRUE(watch.finish(absl::OkStatus()).ok());
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "1 of 3 sessions verified\r2 of 3 sessions verified\n");
}

}  // namespace
}  // namespace gatetape::tools
