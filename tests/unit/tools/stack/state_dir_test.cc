#include "tools/stack/state_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/crypto.h"
#include "base/toml.h"
#include "policy/access.h"
#include "policy/config.h"

namespace gatetape::tools {
namespace {

using ::testing::HasSubstr;

class StateDirTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatetape_state_XXXXXX";
    parent_ = mkdtemp(pattern);
    chmod(parent_.c_str(), 0711);
    choose("");
  }
  void choose(const std::string& user) {
    const auto state = StateDir::choose({.dir = parent_ + "/stack/", .user = user});
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *state;
  }
  uid_t uid_of(const std::string& name) const {
    struct stat info {};
    EXPECT_EQ(lstat(state_.file(name).c_str(), &info), 0) << name;
    return info.st_uid;
  }
  // uid_that_runs returns the user id of a daemon.
  uid_t uid_that_runs(const std::string& service) const {
    const auto account = state_.account_of(service);
    return account ? account->uid : geteuid();
  }
  void TearDown() override { std::filesystem::remove_all(parent_); }

  std::string parent_;
  StateDir state_;
};

TEST_F(StateDirTest, the_first_start_writes_what_the_daemons_can_load) {
  ASSERT_TRUE(state_.make().ok());
  ASSERT_TRUE(state_.make_keys().ok());
  ASSERT_TRUE(state_.write_config("127.0.0.1:2222").ok());
  ASSERT_TRUE(state_.write_access(example_access()).ok());
  const auto config = Config::load(state_.file("gatetape.toml"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->gateway.listen.front(), "127.0.0.1:2222");
  EXPECT_THAT(config->recorder.database, HasSubstr("host=" + state_.path + "/run/db "));
  const std::pair<std::string, std::string> kKeys[] = {
      {config->gateway.host_key, "gateway"},      {config->gateway.signing_key, "gateway"},
      {config->gateway.user_ca, "gateway"},       {config->gateway.host_ca, "gateway"},
      {config->recorder.signing_key, "recorder"}, {config->auditd.signing_key, "auditd"}};
  for (const auto& [path, daemon] : kKeys) {
    const auto key = SigningKey::load(path);
    EXPECT_TRUE(key.ok()) << key.status();
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, uid_that_runs(daemon)) << path;
    EXPECT_EQ(info.st_mode & 0777u, 0600u);
  }
  for (const std::string& path : {config->auditd.writer_keys[0], config->auditd.recorder_keys[0]}) {
    const auto text = read_whole_file(path);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_TRUE(PublicKey::from_text(*text).ok());
  }
  EXPECT_TRUE(Access::load(config->gateway.access_file).ok());
}

TEST_F(StateDirTest, a_later_start_keeps_keys_and_files) {
  ASSERT_TRUE(state_.make().ok());
  ASSERT_TRUE(state_.make_keys().ok());
  ASSERT_TRUE(state_.write_access("# mine\n").ok());
  const auto before = read_whole_file(state_.file("keys/user_ca.pem"));
  ASSERT_TRUE(state_.make().ok());
  ASSERT_TRUE(state_.make_keys().ok());
  ASSERT_TRUE(state_.write_access(example_access()).ok());
  EXPECT_EQ(*read_whole_file(state_.file("keys/user_ca.pem")), *before);
  EXPECT_EQ(*read_whole_file(state_.file("access.toml")), "# mine\n");
}

TEST_F(StateDirTest, a_folder_of_something_else_is_not_taken) {
  ASSERT_TRUE(std::filesystem::create_directory(state_.path));
  std::ofstream(state_.file("letter.txt")) << "mine";
  const absl::Status status = state_.make();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("letter.txt"));
  struct stat info {};
  ASSERT_EQ(stat(state_.path.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, geteuid());
  std::filesystem::remove(state_.file("letter.txt"));
  std::ofstream(state_.file("access.toml")) << "# made before the first start\n";
  EXPECT_TRUE(state_.make().ok());
}

TEST_F(StateDirTest, a_lost_key_is_not_made_anew) {
  ASSERT_TRUE(state_.make().ok());
  ASSERT_TRUE(state_.make_keys().ok());
  std::filesystem::remove(state_.file("keys/gateway_sign.pem"));
  const absl::Status status = state_.make_keys();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("gateway_sign.pem is missing"));
  std::filesystem::remove(state_.file("keys/gateway_sign.pub"));
  EXPECT_TRUE(state_.make_keys().ok());
}

TEST_F(StateDirTest, the_stack_of_one_account_is_taken_apart_once) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  if (!RunUser::find("postgres").ok()) GTEST_SKIP() << "needs an account of older versions";
  choose("postgres");
  ASSERT_TRUE(state_.make().ok());
  ASSERT_TRUE(state_.make_keys().ok());
  ASSERT_TRUE(state_.write_config("127.0.0.1:2222").ok());
  ASSERT_TRUE(state_.make_folder("pg").ok());
  ASSERT_TRUE(state_.write_file({.name = "pg/PG_VERSION", .text = "15\n"}).ok());
  const std::string foreign = parent_ + "/foreign";
  std::ofstream(foreign) << "root's";
  std::filesystem::create_hard_link(foreign, state_.file("pg/hard"));
  std::filesystem::create_symlink(foreign, state_.file("pg/soft"));
  const uid_t before = uid_of("pg");
  choose("");
  ASSERT_TRUE(state_.make().ok());
  ASSERT_TRUE(state_.make_keys().ok());
  EXPECT_NE(uid_that_runs("postgres"), before);
  for (const char* name : {"pg", "pg/PG_VERSION"})
    EXPECT_EQ(uid_of(name), uid_that_runs("postgres")) << name;
  EXPECT_EQ(uid_of("keys/recorder_sign.pem"), uid_that_runs("recorder"));
  EXPECT_EQ(uid_of("keys/user_ca.pem"), uid_that_runs("gateway"));
  for (const char* name : {".", "keys", "log", "run", "gatetape.toml", "pg/hard"})
    EXPECT_EQ(uid_of(name), 0u) << name;
  EXPECT_TRUE(state_.make().ok());
}

TEST_F(StateDirTest, the_folder_of_another_person_is_not_taken) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  choose("nobody");
  ASSERT_TRUE(state_.make().ok());
  ASSERT_TRUE(state_.write_config("127.0.0.1:2222").ok());
  choose("");
  EXPECT_EQ(state_.make().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(uid_of("."), 0u);
}

TEST_F(StateDirTest, a_key_that_is_a_name_of_another_file_is_not_given_away) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_TRUE(state_.make().ok());
  const std::string foreign = parent_ + "/foreign.pem";
  ASSERT_TRUE(SigningKey::generate().save(foreign).ok());
  std::filesystem::create_symlink(foreign, state_.file("keys/gateway_host.pem"));
  EXPECT_FALSE(state_.make_keys().ok());
  std::filesystem::remove(state_.file("keys/gateway_host.pem"));
  std::filesystem::create_hard_link(foreign, state_.file("keys/gateway_host.pem"));
  EXPECT_EQ(state_.make_keys().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(uid_of("keys/gateway_host.pem"), 0u);
}

TEST_F(StateDirTest, what_the_owner_may_not_write_is_not_written_for_it) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  choose("nobody");
  ASSERT_TRUE(state_.make().ok());
  const std::string precious = parent_ + "/precious";
  std::filesystem::create_directory(precious);
  std::filesystem::remove(state_.file("log"));
  std::filesystem::create_directory_symlink(precious, state_.file("log"));
  ProcessSpec spec;
  spec.argv = {"true"};
  spec.user = state_.drop_to;
  spec.log_file = state_.file("log/gateway.log");
  EXPECT_FALSE(Process::start(spec).ok());
  EXPECT_TRUE(state_.make().ok());
  struct stat info {};
  ASSERT_EQ(stat(precious.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
  EXPECT_TRUE(std::filesystem::is_empty(precious));
  EXPECT_EQ(geteuid(), 0u);
}

TEST_F(StateDirTest, a_folder_that_root_left_inside_becomes_the_owners) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  choose("nobody");
  ASSERT_TRUE(state_.make().ok());
  ASSERT_EQ(mkdir(state_.file("demo").c_str(), 0700), 0);
  ASSERT_TRUE(state_.make_folder("demo").ok());
  EXPECT_TRUE(state_.write_file({.name = "demo/port", .text = "1\n", .mode = 0644}).ok());
}

TEST_F(StateDirTest, one_process_at_a_time) {
  ASSERT_TRUE(state_.make().ok());
  auto first = state_.lock();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(state_.lock().status().code(), absl::StatusCode::kAlreadyExists);
  first->reset();
  EXPECT_TRUE(state_.lock().ok());
}

TEST_F(StateDirTest, a_folder_that_the_daemons_cannot_enter_is_refused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  chmod(parent_.c_str(), 0700);
  const absl::Status status = state_.make();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("run `chmod o+x " + parent_ + "`"));
}

TEST(StateDir, what_cannot_stand_in_a_configuration_is_refused) {
  EXPECT_EQ(StateDir::choose({.dir = "/tmp/a b", .user = ""}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(StateDir::choose({.dir = "/tmp/a", .user = "no-such-user"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  if (geteuid() == 0) {
    EXPECT_EQ(StateDir::choose({.dir = "/tmp/a", .user = "root"}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace gatetape::tools
