#include "tools/stack/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "base/toml.h"

namespace gatetape::tools {
namespace {

using ::testing::HasSubstr;

constexpr char kNotify[] =
    "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Type => SOCK_DGRAM, "
    "Peer => $ENV{NOTIFY_SOCKET})->send(\"READY=1\")'; ";

class SupervisorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatetape_supervisor_XXXXXX";
    dir_ = mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  Service service(const std::string& name, const std::string& script) const {
    Service service;
    service.name = name;
    service.spec.argv = {"sh", "-c", script};
    service.spec.log_file = dir_ + "/" + name + ".log";
    return service;
  }
  std::string text(const std::string& name) const {
    return read_whole_file(dir_ + "/" + name).value_or("");
  }

  std::string dir_;
};

TEST_F(SupervisorTest, what_was_started_last_stops_first) {
  testing::internal::CaptureStdout();
  {
    Supervisor supervisor(dir_);
    for (const char* name : {"one", "two", "three"}) {
      const std::string script = "trap 'echo " + std::string(name) + " >> " + dir_ +
                                 "/order; exit 0' TERM; " + kNotify + "while :; do sleep 1; done";
      ASSERT_TRUE(supervisor.start(service(name, script)).ok());
    }
    supervisor.stop();
  }
  EXPECT_EQ(text("order"), "three\ntwo\none\n");
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("stopping three ... ok"));
}

TEST_F(SupervisorTest, a_service_that_ends_before_it_is_ready_is_told_with_its_last_words) {
  testing::internal::CaptureStdout();
  Supervisor supervisor(dir_);
  const absl::Status status =
      supervisor.start(service("bad", "echo begun; echo 'no \033 key' >&2; exit 3"));
  supervisor.stop();
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bad ended with exit code 3: no \\x1b key"));
}

TEST_F(SupervisorTest, a_service_that_dies_is_started_again) {
  testing::internal::CaptureStdout();
  Supervisor supervisor(dir_);
  const std::string script = "if [ -e " + dir_ + "/again ]; then kill -TERM " +
                             std::to_string(getpid()) + "; exec sleep 100; fi; " + kNotify +
                             "touch " + dir_ + "/again; exit 1";
  EXPECT_TRUE(supervisor.start(service("mortal", script)).ok());
  supervisor.run();  // until the restarted service sends the signal
  supervisor.stop();
  const std::string told = testing::internal::GetCapturedStdout();
  EXPECT_THAT(told, HasSubstr("mortal ended with exit code 1; starting it again in 1 s"));
  EXPECT_THAT(told, HasSubstr("mortal started"));
}

TEST_F(SupervisorTest, a_log_stays_below_its_limit_while_its_service_runs) {
  testing::internal::CaptureStdout();
  Supervisor supervisor(dir_);
  const std::string log = dir_ + "/loud.log";
  Service loud = service("loud", kNotify + std::string("seq 1 20000; while [ -s ") + log +
                                     " ]; do sleep 0.1; done; echo after; kill -TERM " +
                                     std::to_string(getpid()) + "; exec sleep 100");
  loud.log_limits = {.bytes_max = 65536, .kept = 2};
  EXPECT_TRUE(supervisor.start(std::move(loud)).ok());
  supervisor.run();  // until the service has seen its log empty
  supervisor.stop();
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(text("loud.log"), "after\n");
  EXPECT_THAT(text("loud.log.1"), testing::EndsWith("\n20000\n"));
}

TEST_F(SupervisorTest, a_hangup_goes_to_those_that_reload) {
  testing::internal::CaptureStdout();
  Supervisor supervisor(dir_);
  const std::string parent = std::to_string(getpid());
  Service one = service("one", "trap 'kill -TERM " + parent + "' HUP; " + kNotify + "kill -HUP " +
                                   parent + "; while :; do sleep 1; done");
  one.reloads = true;
  one.stop_signal = SIGKILL;
  EXPECT_TRUE(supervisor.start(std::move(one)).ok());
  supervisor.run();
  supervisor.stop();
  testing::internal::GetCapturedStdout();
}

}  // namespace
}  // namespace gatetape::tools
