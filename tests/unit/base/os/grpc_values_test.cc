// A deadline of gRPC is one of the monotonic clock. The test of JumpingClock runs this program
// again with a wall clock that jumps an hour ahead each time that it is read (libfaketime): a
// deadline that is made from the wall clock has then passed before gRPC looks at it.
#include "base/os/grpc_values.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "tests/support/faketime.h"

namespace gatetape {
namespace {

// The queue waits as the shutdown of a server does.
TEST(GrpcDeadline, a_wait_lasts_as_long_as_it_was_asked_to) {
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const int64_t start_ns = system_clock().mono_ns();
  EXPECT_EQ(queue.AsyncNext(&tag, &ok, grpc_deadline(std::chrono::milliseconds(200))),
            grpc::CompletionQueue::TIMEOUT);
  EXPECT_GE(system_clock().mono_ns() - start_ns, 200'000'000);
}

TEST(JumpingClock, moves_no_deadline) {
  if (!FaketimeRun::is_possible()) GTEST_SKIP() << "the package faketime is not installed";
  EXPECT_TRUE((FaketimeRun{.clock = "+0 i3600", .filter = "GrpcDeadline.*"}.passes()));
}

}  // namespace
}  // namespace gatetape
