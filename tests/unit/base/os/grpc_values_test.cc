// A deadline of gRPC is one of the monotonic clock. The test of JumpingClock runs this program
// again with a wall clock that jumps an hour ahead each time that it is read (libfaketime): a
// deadline that is made from the wall clock has then passed before gRPC looks at it.
#include "base/os/grpc_values.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/clock.h"

namespace gatetape {
namespace {

// The queue waits as the shutdown of a server does.
TEST(GrpcDeadline, a_wait_lasts_as_long_as_it_was_asked_to) {
  constexpr int64_t kWaitNs = 200'000'000;
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const int64_t start_ns = system_clock().mono_ns();
  EXPECT_EQ(queue.AsyncNext(&tag, &ok, grpc_deadline(std::chrono::milliseconds(200))),
            grpc::CompletionQueue::TIMEOUT);
  EXPECT_GE(system_clock().mono_ns() - start_ns, kWaitNs);
}

TEST(JumpingClock, moves_no_deadline) {
  constexpr char kFaketime[] = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
  if (!std::filesystem::exists(kFaketime)) GTEST_SKIP() << "the package faketime is not installed";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command =
      std::string("FAKETIME='+0 i3600' FAKETIME_DONT_FAKE_MONOTONIC=1 LD_PRELOAD=") + kFaketime +
      " timeout --kill-after=1 20 " + self + " --gtest_filter=GrpcDeadline.* >/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

}  // namespace
}  // namespace gatetape
