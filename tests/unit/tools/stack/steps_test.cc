#include "tools/stack/steps.h"

#include <gtest/gtest.h>

namespace gatetape::tools {
namespace {

TEST(Steps, a_failure_names_its_step_and_the_logs) {
  Steps steps(3, "/state/log");
  testing::internal::CaptureStdout();
  steps.begin("keys");
  EXPECT_TRUE(steps.end(absl::OkStatus(), "made").ok());
  steps.begin("PostgreSQL: start");
  const absl::Status status = steps.end(absl::UnavailableError("it ended"));
  const std::string shown = testing::internal::GetCapturedStdout();
  EXPECT_EQ(status, absl::UnavailableError(
                        "step 2 of 3, PostgreSQL: start: it ended; logs are in /state/log"));
  EXPECT_NE(shown.find("[1/3] keys ... made, ok"), std::string::npos) << shown;
  EXPECT_NE(shown.find("[2/3] PostgreSQL: start ... FAILED"), std::string::npos) << shown;
}

TEST(Steps, an_interruption_is_no_failure_to_explain) {
  Steps steps(1, "/state/log");
  testing::internal::CaptureStdout();
  steps.begin("keys");
  EXPECT_EQ(steps.end(absl::CancelledError("interrupted")), absl::CancelledError("interrupted"));
  testing::internal::GetCapturedStdout();
}

}  // namespace
}  // namespace gatetape::tools
