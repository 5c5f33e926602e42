#include "policy/acceptance.h"

#include <gtest/gtest.h>

namespace gatetape {
namespace {

TEST(AcceptanceTest, the_line_holds_the_name_and_the_reason) {
  const Acceptance acceptance{"root", "restored: disk failure"};
  EXPECT_EQ(acceptance.to_text(), "by root: restored: disk failure\n");
  const absl::StatusOr<Acceptance> read = Acceptance::parse(acceptance.to_text());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->by, "root");
  EXPECT_EQ(read->reason, "restored: disk failure");
}

TEST(AcceptanceTest, another_text_is_no_acceptance) {
  const std::string longest(Acceptance::kReasonBytesMax, 'x');
  EXPECT_TRUE(Acceptance::parse("by root: " + longest + "\n").ok());
  for (const std::string& text :
       {std::string(), std::string("by root: "), std::string("by root: \n"),
        std::string("by root\n"), std::string("root: reason\n"), std::string("by root: no end"),
        std::string("by root: two\nlines\n"), "by root: " + longest + "x\n"})
    EXPECT_EQ(Acceptance::parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
}

TEST(AcceptanceTest, the_files_lie_beside_the_checkpoint_file) {
  EXPECT_EQ(acceptance_file("/x/checkpoint"), "/x/checkpoint.accept");
  EXPECT_EQ(refusal_file("/x/checkpoint"), "/x/checkpoint.refused");
}

}  // namespace
}  // namespace gatetape
