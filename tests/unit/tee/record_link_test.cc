// The link's promises, over a real socket: events come only from the recorder, a broken stream is
// resumed without loss or repeat, a stalled recorder is left.
#include "tee/record_link.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tee/system_log.h"
#include "tests/support/memory_recorder.h"

namespace gatetape::tee {
namespace {

using test::MemoryRecorder;

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
  SystemLog log(link, system_clock(), SigningKey::generate(), "gw", "test");
  ASSERT_TRUE(log.record(FrameKind::kHeartbeat, Event{{"wall_ns", "1"}}).ok());
  EXPECT_TRUE(has(recorder.sessions(), log.session(), 2));
  ASSERT_TRUE(log.stop("done").ok());
  EXPECT_TRUE(recorder.sessions()[log.session().to_text()].closed);
  link.stop();
}

TEST_F(RecordLinkTest, without_a_recorder_record_says_so) {
  RecordLink link(options());
  SystemLog log(link, system_clock(), SigningKey::generate(), "gw", "test");
  const absl::Status status = log.record(FrameKind::kHeartbeat, Event{}, 50);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  link.stop();
}

TEST_F(RecordLinkTest, frames_offered_before_the_recorder_came_arrive) {
  RecordLink link(options());
  SystemLog log(link, system_clock(), SigningKey::generate(), "gw", "test");
  log.record_async(FrameKind::kHeartbeat, Event{}, nullptr);
  MemoryRecorder recorder(path());
  EXPECT_TRUE(recorder.wait_for([&](const auto& all) { return has(all, log.session(), 2); }));
  link.stop();
}

TEST_F(RecordLinkTest, broken_streams_are_resumed_without_loss_or_repeat) {
  MemoryRecorder recorder(path());  // CHECKs that each frame is the next
  RecordLink link(options());
  SystemLog log(link, system_clock(), SigningKey::generate(), "gw", "test");
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
  SystemLog log(link, system_clock(), SigningKey::generate(), "gw", "test");
  ASSERT_TRUE(log.record(FrameKind::kHeartbeat, Event{}).ok());
  recorder.hold(true);
  EXPECT_EQ(log.record(FrameKind::kHeartbeat, Event{}, 100).code(), absl::StatusCode::kUnavailable);
  recorder.hold(false);
  EXPECT_TRUE(log.record(FrameKind::kHeartbeat, Event{}).ok());
  link.stop();
}

}  // namespace
}  // namespace gatetape::tee
