// The guard with its files and a recorder: what is kept, and that an acceptance is durable before
// the files change and sessions go on.
#include "gateway/rollback_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/toml.h"
#include "tests/support/memory_recorder.h"
#include "tests/support/memory_tree.h"

namespace gatetape::gateway {
namespace {

using testing::HasSubstr;
using Sessions = std::map<std::string, test::MemoryRecorder::Stored>;

class RollbackGuardTest : public testing::Test {
 protected:
  RollbackGuardTest() {
    std::string folder = testing::TempDir() + "guardXXXXXX";
    folder_ = mkdtemp(folder.data());
    config_.checkpoint_file = folder_ + "/gateway/checkpoint";
    config_.log_keys = {folder_ + "/log.vkey"};
    write(config_.log_keys[0], "# the log\n" + log_.verifier_key().to_text() + "\n");
    std::filesystem::create_directory(folder_ + "/gateway");
    recorder_ = std::make_unique<test::MemoryRecorder>(folder_ + "/r.sock");
  }
  ~RollbackGuardTest() override {
    guard_->stop();
    if (link_) link_->stop();
    std::filesystem::remove_all(folder_);
  }
  // start starts a gateway whose recorder says that the newest checkpoint has this size.
  void start(uint64_t size) {
    record::v1::Checkpoint checkpoint;
    checkpoint.set_note(note(size));
    recorder_->send_checkpoint(checkpoint);
    auto guard = RollbackGuard::open(config_);
    ASSERT_TRUE(guard.ok()) << guard.status();
    guard_ = *std::move(guard);
    link_ = std::make_unique<tee::RecordLink>(tee::RecordLink::Options{
        .endpoints = {"unix:" + folder_ + "/r.sock"}, .tls = {}, .checkpoints = guard_.get()});
    system_ = std::make_unique<tee::SystemLog>(*link_, system_clock(), SigningKey::generate(),
                                               tee::SystemLog::Daemon{"gw", "test"});
    guard_->start(*system_);
  }
  std::string note(uint64_t size) {
    return sign_checkpoint({"gw/log", tree_.head(size), ""}, log_).to_text();
  }
  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  static bool has(const Sessions& sessions, FrameKind kind) {
    for (const auto& [id, stored] : sessions)
      for (const Frame& frame : stored.frames)
        if (frame.kind == kind) return true;
    return false;
  }
  static bool exists(const std::string& path) { return std::filesystem::exists(path); }
  // until returns when `done` does, at most after 10 s.
  static bool until(const std::function<bool()>& done) {
    Pause pause;
    for (int i = 0; i < 1000; i++) {
      if (done()) return true;
      pause.wait(std::chrono::milliseconds(10));
    }
    return false;
  }

  std::string folder_;
  GatewayConfig config_;
  NoteSigner log_{"gw/log", NoteKeyType::kEd25519, SigningKey::generate()};
  MemoryTree tree_ = MemoryTree::of_size(9);
  std::unique_ptr<test::MemoryRecorder> recorder_;
  std::unique_ptr<RollbackGuard> guard_;
  std::unique_ptr<tee::RecordLink> link_;
  std::unique_ptr<tee::SystemLog> system_;
};

TEST_F(RollbackGuardTest, without_keys_nothing_is_guarded) {
  const auto guard = RollbackGuard::open({});
  ASSERT_TRUE(guard.ok());
  EXPECT_EQ(*guard, nullptr);
  start(3);
}

TEST_F(RollbackGuardTest, the_first_checkpoint_is_kept_for_its_owner_alone) {
  std::filesystem::remove(folder_ + "/gateway");
  start(3);
  EXPECT_EQ(guard_->refusal(), "");
  ASSERT_TRUE(until([this] { return exists(config_.checkpoint_file); }));
  EXPECT_EQ(*read_whole_file(config_.checkpoint_file), note(3));
  struct stat info {};
  ASSERT_EQ(stat(config_.checkpoint_file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(RollbackGuardTest, an_acceptance_that_nobody_waits_for_is_removed) {
  write(config_.checkpoint_file, note(3));
  write(acceptance_file(config_.checkpoint_file), "by root: early\n");
  start(3);
  EXPECT_EQ(guard_->refusal(), "");
  EXPECT_TRUE(until([this] { return !exists(acceptance_file(config_.checkpoint_file)); }));
}

TEST_F(RollbackGuardTest, an_acceptance_is_durable_before_sessions_go_on) {
  write(config_.checkpoint_file, note(7));
  start(5);
  EXPECT_THAT(guard_->refusal(), HasSubstr("its log has 5 entries, and had 7"));
  EXPECT_TRUE(guard_->is_rolled_back());
  EXPECT_TRUE(
      recorder_->wait_for([](const Sessions& all) { return has(all, FrameKind::kRollbackSeen); }));
  ASSERT_TRUE(until([this] { return exists(refusal_file(config_.checkpoint_file)); }));
  recorder_->hold(true);
  write(acceptance_file(config_.checkpoint_file), "by root: the disk failed\n");
  EXPECT_TRUE(recorder_->wait_for(
      [](const Sessions& all) { return has(all, FrameKind::kRollbackAccepted); }));
  EXPECT_NE(guard_->refusal(), "");
  EXPECT_EQ(*read_whole_file(config_.checkpoint_file), note(7));
  EXPECT_TRUE(exists(acceptance_file(config_.checkpoint_file)));
  recorder_->hold(false);
  EXPECT_TRUE(until([this] { return guard_->refusal().empty(); }));
  EXPECT_EQ(*read_whole_file(config_.checkpoint_file), note(5));
  EXPECT_FALSE(exists(acceptance_file(config_.checkpoint_file)));
  EXPECT_FALSE(exists(refusal_file(config_.checkpoint_file)));
}

TEST(LogKeysTest, bad_files_are_refused_with_their_name) {
  const std::string path = testing::TempDir() + "guard_keys";
  const auto key_of = [](const char* name, NoteKeyType type) {
    return NoteSigner{name, type, SigningKey::generate()}.verifier_key().to_text() + "\n";
  };
  const std::string good = key_of("a", NoteKeyType::kEd25519);
  const std::pair<std::string, const char*> kRows[] = {
      {"", "has no key"},
      {"x\n", "not a verifier key"},
      {key_of("a", NoteKeyType::kCosignature), "signs no checkpoints"},
      {good + key_of("b", NoteKeyType::kEd25519), "of two logs"}};
  for (const auto& [text, word] : kRows) {
    std::ofstream(path) << text;
    const auto keys = load_log_keys({path});
    EXPECT_EQ(keys.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(keys.status().message()), HasSubstr(word)) << text;
    EXPECT_THAT(std::string(keys.status().message()), HasSubstr(path)) << text;
  }
  EXPECT_EQ(load_log_keys({path + "_none"}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gatetape::gateway
