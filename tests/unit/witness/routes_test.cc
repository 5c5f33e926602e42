#include "witness/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "base/os/daemon.h"
#include "tests/support/memory_tree.h"
#include "witness/state_folder.h"

namespace gatetape::witness {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOrigin[] = "gw.gatetape/log";

class StoppedClock : public Clock {
 public:
  int64_t wall_ns() const override { return 1'796'000'000'000'000'000; }
  int64_t mono_ns() const override { return mono; }
  int64_t mono = 1;
};

// DyingStore stores a checkpoint, and fails before the witness learns it, while `dies` is set.
class DyingStore : public WitnessStore {
 public:
  explicit DyingStore(StateFolder& folder) : folder_(folder) {}
  absl::Status keep(const std::string& origin, const std::string& note) override {
    const absl::Status status = folder_.keep(origin, note);
    return dies ? absl::UnavailableError("killed") : status;
  }
  bool dies = false;

 private:
  StateFolder& folder_;
};

// Witness is one run of a witness over a folder.
struct Witness {
  Witness(const NoteSigner& cosigner, const VerifierKey& log, const std::string& dir)
      : folder(*StateFolder::open(dir)), core(cosigner, store) {
    core.trust(log);
    const auto kept = folder->read_all();
    EXPECT_TRUE(kept.ok()) << kept.status();
    for (const KeptCheckpoint& one : *kept) EXPECT_TRUE(core.restore(one.origin, one.note).ok());
  }
  HttpResponse ask(const std::string& method, const std::string& target,
                   const std::string& body = "") {
    return routes.answer({method, target, body});
  }
  StoppedClock clock;
  std::unique_ptr<StateFolder> folder;
  DyingStore store{*folder};
  WitnessCore core;
  Routes routes{core, "the vkey", clock};
};

class RoutesTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatetape_witness_XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    dir_ = pattern;
    restart();
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void restart() {
    witness_.reset();
    witness_ = std::make_unique<Witness>(cosigner_, log_.verifier_key(), dir_);
  }
  HttpResponse add(MemoryTree& tree, uint64_t old_size, uint64_t size) {
    const AddCheckpoint request{old_size, *consistency_proof(tree, old_size, size),
                                sign_checkpoint({kOrigin, tree.head(size), ""}, log_).to_text()};
    return witness_->ask("POST", "/add-checkpoint", request.to_text());
  }

  const NoteSigner log_{kOrigin, NoteKeyType::kEd25519, SigningKey::generate()};
  const NoteSigner cosigner_{"w1", NoteKeyType::kCosignature, SigningKey::generate()};
  MemoryTree tree_ = MemoryTree::of_size(40);
  std::string dir_;
  std::unique_ptr<Witness> witness_;
};

TEST_F(RoutesTest, each_target_has_its_method) {
  const struct {
    const char *method, *target;
    int status;
    const char* body;
  } kRows[] = {
      {"GET", "/", 200, "the vkey\n"},
      {"GET", "/healthz", 200, "ok\n"},
      {"POST", "/add-checkpoint", 400, "the request is malformed\n"},
      {"POST", "/", 405, nullptr},
      {"POST", "/healthz", 405, nullptr},
      {"GET", "/add-checkpoint", 405, nullptr},
      {"POST", "/add-checkpoint/", 404, nullptr},
      {"GET", "/healthz?x", 404, nullptr},
      {"GET", "/../etc/passwd", 404, nullptr},
      {"", "", 404, nullptr},
  };
  for (const auto& row : kRows) {
    const HttpResponse answer = witness_->ask(row.method, row.target);
    EXPECT_EQ(answer.status, row.status) << row.method << " " << row.target;
    if (row.body != nullptr) {
      EXPECT_EQ(answer.body, row.body) << row.target;
    }
  }
}

TEST_F(RoutesTest, a_restarted_witness_still_refuses_a_rollback_and_a_fork) {
  ASSERT_EQ(add(tree_, 0, 30).status, 200);
  restart();
  EXPECT_EQ(add(tree_, 0, 8).body, "30\n");
  MemoryTree fork;
  for (int i = 0; i < 40; i++) fork.append("forged " + std::to_string(i));
  EXPECT_EQ(add(fork, 30, 30).status, 409);
  EXPECT_EQ(add(fork, 30, 40).status, 422);
  EXPECT_EQ(add(tree_, 30, 40).status, 200);
}

// The log gets no cosignature, and the witness has the checkpoint: it must not cosign another one
// of that size, and the log must be able to go on.
TEST_F(RoutesTest, a_witness_that_dies_between_store_and_answer_goes_on_from_the_store) {
  ASSERT_EQ(add(tree_, 0, 8).status, 200);
  witness_->store.dies = true;
  EXPECT_EQ(add(tree_, 8, 30).status, 500);
  EXPECT_EQ(witness_->ask("GET", "/healthz").status, 503);
  restart();
  const HttpResponse again = add(tree_, 8, 30);
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.body, "30\n");
  EXPECT_EQ(add(tree_, 30, 31).status, 200);
  EXPECT_EQ(witness_->ask("GET", "/healthz").status, 200);
}

TEST_F(RoutesTest, a_fork_has_a_log_line_each_time_and_other_refusals_one_per_10_s) {
  start_log("test", "info");
  ASSERT_EQ(add(tree_, 0, 30).status, 200);
  MemoryTree fork;
  for (int i = 0; i < 40; i++) fork.append("forged " + std::to_string(i));
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; i++) witness_->ask("POST", "/add-checkpoint", "x");
  for (int i = 0; i < 2; i++) add(fork, 30, 30);
  witness_->clock.mono += 10'000'000'000;
  add(tree_, 0, 8);
  witness_->clock.mono += 10'000'000'000;
  add(tree_, 0, 40);
  const std::string log = testing::internal::GetCapturedStderr();
  const auto count = [&log](const std::string& what) {
    size_t found = 0;
    for (size_t at = log.find(what); at != std::string::npos; at = log.find(what, at + 1)) found++;
    return found;
  };
  EXPECT_EQ(count("\"event\":\"fork_refused\""), 2U) << log;
  EXPECT_EQ(count("\"event\":\"refused\""), 3U) << log;
  EXPECT_THAT(log, HasSubstr("\"status\":\"400\""));
  EXPECT_THAT(log, HasSubstr("\"unlogged_before\":\"2\""));
  EXPECT_THAT(log, HasSubstr("a rollback: size 30 was cosigned, and this is size 8"));
  EXPECT_THAT(log, HasSubstr("the request is not from size 30, which was cosigned last"));
  EXPECT_THAT(log, HasSubstr("gw.gatetape/log"));
  EXPECT_THAT(log, Not(HasSubstr("\"event\":\"cosigned\"")));
}

}  // namespace
}  // namespace gatetape::witness
