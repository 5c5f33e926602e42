// What doctor says about the log.
#include "tools/cli/log_findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatetape::tools {
namespace {

using testing::HasSubstr;

audit::v1::LogHealth good() {
  audit::v1::LogHealth health;
  health.set_sequencer("sequencing");
  return health;
}

TEST(LogFindings, a_log_that_grows_has_none) {
  audit::v1::LogHealth health = good();
  health.set_lag_s(9);
  health.add_witnesses()->set_ok(true);
  EXPECT_TRUE(log_findings(health).empty());
}

TEST(LogFindings, each_fault_is_named_with_advice) {
  const struct {
    const char* name;
    void (*spoil)(audit::v1::LogHealth* health);
    const char* what;
    bool is_failure;
  } kRows[] = {
      {"off", [](auto* health) { health->set_sequencer("off"); }, "does not sequence", false},
      {"another", [](auto* health) { health->set_sequencer("waiting"); }, "does not sequence",
       false},
      {"closed", [](auto* health) { health->set_sequencer("closed"); }, "is not sequenced", true},
      {"refusing", [](auto* health) { health->set_sequencer("refusing"); }, "is not sequenced",
       true},
      {"rolled back",
       [](auto* health) {
         health->set_sequencer("refusing");
         health->set_rolled_back(true);
         health->set_reason("the database is behind");
       },
       "the database is behind", true},
      {"lag", [](auto* health) { health->set_lag_s(11); }, "the log is 11 s behind", true},
      {"refused", [](auto* health) { health->set_refused_entries(2); }, "2 entries", true},
      {"publishing", [](auto* health) { health->set_publishing("disk full"); },
       "is not published: disk full", true},
      {"witness down",
       [](auto* health) {
         health->add_witnesses()->set_name("w1");
         health->mutable_witnesses(0)->set_detail("no answer");
       },
       "witness w1: no answer", false},
      {"witness refuses",
       [](auto* health) {
         health->add_witnesses()->set_name("w1");
         health->mutable_witnesses(0)->set_refuses(true);
       },
       "witness w1 refuses the log", true},
  };
  for (const auto& row : kRows) {
    audit::v1::LogHealth health = good();
    row.spoil(&health);
    const std::vector<LogFinding> findings = log_findings(health);
    ASSERT_EQ(findings.size(), 1u) << row.name;
    EXPECT_THAT(findings[0].what, HasSubstr(row.what)) << row.name;
    EXPECT_EQ(findings[0].is_failure, row.is_failure) << row.name;
    EXPECT_FALSE(findings[0].advice.empty()) << row.name;
  }
}

}  // namespace
}  // namespace gatetape::tools
