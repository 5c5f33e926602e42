#include "base/os/pause.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace gatetape {
namespace {

TEST(Pause, lasts_as_long_as_it_is_told) {
  Pause pause;
  const auto started = std::chrono::steady_clock::now();
  EXPECT_FALSE(pause.wait(std::chrono::milliseconds(20)));
  EXPECT_GE(std::chrono::steady_clock::now() - started, std::chrono::milliseconds(20));
}

TEST(Pause, ends_for_all_who_wait_and_all_who_come_later) {
  Pause pause;
  std::thread first([&] { EXPECT_TRUE(pause.wait(std::chrono::hours(1))); });
  std::thread second([&] { EXPECT_TRUE(pause.wait(std::chrono::hours(1))); });
  pause.end();
  first.join();
  second.join();
  EXPECT_TRUE(pause.wait(std::chrono::hours(1)));
}

}  // namespace
}  // namespace gatetape
