// The link's promises, over a real socket: events come only from the recorder, a broken stream is
// resumed without loss or repeat, a stalled recorder is left.
#include "tee/record_link.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "tee/system_log.h"
#include "tests/support/faketime.h"
#include "tests/support/memory_recorder.h"

namespace gatetape::tee {
namespace {

using test::MemoryRecorder;

const SystemLog::Daemon kDaemon = {.name = "gw", .program = "test"};

class RecordLinkTest : public testing::Test {
 protected:
  RecordLinkTest() {
    std::string folder = testing::TempDir() + "linkXXXXXX";
    folder_ = mkdtemp(folder.data());
  }
  ~RecordLinkTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/r.sock"; }
  RecordLink::Options options() const { return {{"unix:" + path()}, {}, 5000}; }
  static bool has(const std::map<std::string, MemoryRecorder::Stored>& all, const SessionId& id,
                  size_t frames) {
    const auto it = all.find(id.to_text());
    return it != all.end() && it->second.frames.size() >= frames;
  }

  std::string folder_;
};

TEST_F(RecordLinkTest, a_recorded_event_is_durable_when_record_returns) {
  MemoryRecorder recorder(path());
  RecordLink link(options());
  SystemLog log(link, system_clock(), SigningKey::generate(), kDaemon);
  ASSERT_TRUE(log.record(FrameKind::kHeartbeat, Event{{"wall_ns", "1"}}).ok());
  EXPECT_TRUE(has(recorder.sessions(), log.session(), 2));
  ASSERT_TRUE(log.stop("done").ok());
  EXPECT_TRUE(recorder.sessions()[log.session().to_text()].closed);
  link.stop();
}

// Keeper is a writer that keeps checkpoints.
class Keeper : public CheckpointPort {
 public:
  uint64_t known_size() override { return size_; }
  void on_checkpoint(const record::v1::Checkpoint& checkpoint) override {
    note_ = checkpoint.note();
    size_++;
    got_.end();
  }
  std::atomic<uint64_t> size_ = 7;
  std::string note_;  // set before got_ ends
  Pause got_;
};

TEST_F(RecordLinkTest, each_stream_asks_for_checkpoints_from_what_the_writer_has) {
  MemoryRecorder recorder(path());
  recorder.hold(true);
  record::v1::Checkpoint checkpoint;
  checkpoint.set_note("note");
  recorder.send_checkpoint(checkpoint);
  Keeper keeper;
  RecordLink::Options with_keeper = options();
  with_keeper.checkpoints = &keeper;
  RecordLink link(with_keeper);
  SystemLog log(link, system_clock(), SigningKey::generate(), kDaemon);
  EXPECT_TRUE(keeper.got_.wait(std::chrono::seconds(10)));
  EXPECT_EQ(keeper.note_, "note");
  EXPECT_FALSE(link.connected()) << "a checkpoint counts as an answer";
  recorder.hold(false);
  ASSERT_TRUE(log.record(FrameKind::kHeartbeat, Event{}).ok());
  EXPECT_TRUE(link.connected());
  recorder.break_streams();
  ASSERT_TRUE(log.record(FrameKind::kHeartbeat, Event{}).ok());
  EXPECT_EQ(recorder.asked_sizes(), (std::vector<uint64_t>{7, 8}));
  link.stop();
}

TEST_F(RecordLinkTest, a_writer_that_keeps_no_checkpoint_asks_for_none) {
  MemoryRecorder recorder(path());
  RecordLink link(options());
  SystemLog log(link, system_clock(), SigningKey::generate(), kDaemon);
  ASSERT_TRUE(log.record(FrameKind::kHeartbeat, Event{}).ok());
  EXPECT_TRUE(recorder.asked_sizes().empty());
  link.stop();
}

TEST_F(RecordLinkTest, without_a_recorder_record_says_so) {
  RecordLink link(options());
  SystemLog log(link, system_clock(), SigningKey::generate(), kDaemon);
  const absl::Status status = log.record(FrameKind::kHeartbeat, Event{}, 50);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  link.stop();
}

TEST_F(RecordLinkTest, frames_offered_before_the_recorder_came_arrive) {
  RecordLink link(options());
  SystemLog log(link, system_clock(), SigningKey::generate(), kDaemon);
  log.record_async(FrameKind::kHeartbeat, Event{}, nullptr);
  MemoryRecorder recorder(path());
  EXPECT_TRUE(recorder.wait_for([&](const auto& all) { return has(all, log.session(), 2); }));
  link.stop();
}

TEST_F(RecordLinkTest, broken_streams_are_resumed_without_loss_or_repeat) {
  MemoryRecorder recorder(path());  // CHECKs that each frame is the next
  RecordLink link(options());
  SystemLog log(link, system_clock(), SigningKey::generate(), kDaemon);
  for (size_t n = 0; n < 200; n++) {
    log.record_async(FrameKind::kHeartbeat, Event{{"n", std::to_string(n)}}, nullptr);
    if (n % 50 == 49) recorder.break_streams();
  }
  EXPECT_TRUE(log.record(FrameKind::kHeartbeat, Event{{"n", "last"}}).ok());
  EXPECT_EQ(recorder.sessions()[log.session().to_text()].frames.size(), 202U);
  link.stop();
}

TEST_F(RecordLinkTest, a_held_acknowledgement_releases_nothing) {
  MemoryRecorder recorder(path());
  RecordLink link(options());
  SystemLog log(link, system_clock(), SigningKey::generate(), kDaemon);
  ASSERT_TRUE(log.record(FrameKind::kHeartbeat, Event{}).ok());
  recorder.hold(true);
  EXPECT_EQ(log.record(FrameKind::kHeartbeat, Event{}, 100).code(), absl::StatusCode::kUnavailable);
  recorder.hold(false);
  EXPECT_TRUE(log.record(FrameKind::kHeartbeat, Event{}).ok());
  link.stop();
}

using RecordLinkDeathTest = RecordLinkTest;

TEST_F(RecordLinkDeathTest, a_head_over_other_frames_is_our_own_bug) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto close_too_early = [this] {
    RecordLink link(options());
    Gate gate(SessionId::mint(1), std::string(kCommitKeyBytes, 'k'), 1000);
    const FramePtr frame = gate.offer(0, FrameKind::kStart, 0, "");
    link.close(link.open(gate.session(), gate.keys().commit_key(), nullptr), frame,
               {2, frame->root, "s", "k"});
  };
  EXPECT_DEATH(close_too_early(), "last->frame.seq");
}

// It runs in a process of its own, and ends it before the link waits for gRPC, whose timers are
// wrong there, too.
TEST_F(RecordLinkTest, DISABLED_the_waits_of_a_system_log) {
  RecordLink link(options());
  SystemLog log(link, system_clock(), SigningKey::generate(), kDaemon);
  const bool waited =
      !log.record(FrameKind::kHeartbeat, Event{}, 50).ok() && !log.stop("done", 50).ok();
  std::_Exit(waited ? 0 : 1);
}

// The kernel's clock stands for a wall clock that was set back while somebody waits: for a process
// that believes it to be an hour later, the kernel's wall clock reaches a deadline an hour late.
TEST_F(RecordLinkTest, a_wall_clock_that_is_set_back_prolongs_no_wait) {
  if (!FaketimeRun::is_possible()) GTEST_SKIP() << "faketime cannot run here";
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    setenv("LD_PRELOAD", FaketimeRun::kLibrary, 1);
    setenv("FAKETIME", "+3600s", 1);
    setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1", 1);
    unsetenv("GTEST_OUTPUT");
    execl("/proc/self/exe", "unit_tee", "--gtest_filter=*DISABLED_the_waits_of_a_system_log",
          "--gtest_also_run_disabled_tests", nullptr);
    _exit(1);
  }
  Pause pause;
  int status = 0;
  pid_t ended = 0;
  for (int i = 0; i < 300 && ended == 0; i++) {
    ended = waitpid(child, &status, WNOHANG);
    if (ended == 0) pause.wait(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(ended, child) << "it waits for the wall clock";
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  if (ended == child) return;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace gatetape::tee
