#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "base/os/http_server.h"
#include "base/toml.h"
#include "tests/support/memory_tree.h"
#include "tools/cli/mirror_round.h"

namespace gatetape::tools {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr char kOrigin[] = "gw.gatetape/log";
constexpr char kDay[] = "2026-11-30";

// A log that is published in a folder, and a mirror of it.
class MirrorTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatetape_mirror_XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    dir_ = pattern;
    folder_.emplace(dir_ + "/mirror");
    ASSERT_TRUE(folder_->create().ok());
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string published(const std::string& path) const { return dir_ + "/published/" + path; }
  static void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  std::string note(MemoryTree& tree, uint64_t size, bool cosigned = false) const {
    SignedNote made = sign_checkpoint({kOrigin, tree.head(size), ""}, log_);
    if (cosigned) made.sign(witness_, 1'796'000'000);
    return made.to_text();
  }
  // publish writes what a log of this tree has as files, and no others.
  void publish(MemoryTree& tree, uint64_t size, bool cosigned = false) const {
    fs::remove_all(published(""));
    for (const TileName& name : new_tiles(0, size))
      if (!name.is_bundle) write(published(name.path()), *make_tile(tree, name));
    write(published("checkpoint"), note(tree, size, cosigned));
  }
  absl::StatusOr<MirrorRound> round(const std::string& day = kDay) {
    MirrorSource source(dir_ + "/published", "");
    return mirror_round(source, *folder_, keys_, day);
  }
  std::string verdict() {
    const auto done = round();
    return done.ok() ? std::string(to_text(done->finding.verdict)) : done.status().ToString();
  }
  std::string kept(const std::string& name) const {
    return read_whole_file(folder_->path(name)).value_or("");
  }
  static MemoryTree forged() {
    MemoryTree tree;
    for (int i = 0; i < 700; i++) tree.append("forged " + std::to_string(i));
    return tree;
  }

  const NoteSigner log_{kOrigin, NoteKeyType::kEd25519, SigningKey::generate()};
  const NoteSigner witness_{"w1", NoteKeyType::kCosignature, SigningKey::generate()};
  const TrustedKeys keys_{kOrigin, {log_.verifier_key(), witness_.verifier_key()}};
  MemoryTree tree_ = MemoryTree::of_size(700);
  std::string dir_;
  std::optional<MirrorFolder> folder_;
};

TEST_F(MirrorTest, the_newest_checkpoint_and_one_per_day_are_kept) {
  publish(tree_, 5);
  EXPECT_EQ(verdict(), "first");
  publish(tree_, 300);
  EXPECT_EQ(verdict(), "extended");
  EXPECT_EQ(kept("newest"), note(tree_, 300));
  EXPECT_EQ(kept("days/2026-11-30"), note(tree_, 5));
  EXPECT_EQ(round("2026-12-01")->finding.verdict, MirrorVerdict::kSame);
  EXPECT_EQ(kept("days/2026-12-01"), note(tree_, 300));
  publish(tree_, 300, true);
  EXPECT_EQ(round("2026-12-01")->found.cosignatures.size(), 1U);
  EXPECT_EQ(kept("newest"), note(tree_, 300, true)) << "the cosignature is kept";
  publish(tree_, 300);
  EXPECT_EQ(verdict(), "same");
  EXPECT_EQ(kept("newest"), note(tree_, 300, true)) << "a cosignature is not lost again";
}

TEST_F(MirrorTest, a_fork_is_kept_with_both_sides_until_somebody_moves_it_away) {
  MemoryTree fork = forged();
  publish(tree_, 300);
  EXPECT_EQ(verdict(), "first");
  publish(fork, 700);
  EXPECT_EQ(verdict(), "fork");
  EXPECT_EQ(kept("fork-1"), note(tree_, 300));
  EXPECT_EQ(kept("fork-2"), note(fork, 700));
  EXPECT_EQ(kept("newest"), note(tree_, 300));
  publish(tree_, 400);
  EXPECT_EQ(round().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(verdict(), HasSubstr("fork-1 and fork-2 contradict each other"));
  fs::remove(folder_->path("fork-1"));
  EXPECT_EQ(verdict(), "extended");
}

TEST_F(MirrorTest, a_fork_of_the_same_size_and_a_rollback_are_kept) {
  MemoryTree fork = forged();
  publish(tree_, 300);
  EXPECT_EQ(verdict(), "first");
  publish(fork, 300);
  EXPECT_EQ(verdict(), "fork");
  fs::remove(folder_->path("fork-1"));
  publish(tree_, 200);
  EXPECT_EQ(verdict(), "rollback");
  EXPECT_EQ(kept("fork-1"), note(tree_, 300));
  EXPECT_EQ(kept("fork-2"), note(tree_, 200));
}

TEST_F(MirrorTest, what_is_not_signed_by_the_given_key_is_not_kept) {
  const NoteSigner other{kOrigin, NoteKeyType::kEd25519, SigningKey::generate()};
  publish(tree_, 300);
  const std::string good = note(tree_, 300);
  write(published("checkpoint"), sign_checkpoint({kOrigin, tree_.head(300), ""}, other).to_text());
  EXPECT_THAT(verdict(), HasSubstr("DATA_LOSS: the published checkpoint is not signed by the key"));
  std::string flipped = good;
  flipped[flipped.size() - 10] = flipped[flipped.size() - 10] == 'A' ? 'B' : 'A';
  write(published("checkpoint"), flipped);
  EXPECT_EQ(round().status().code(), absl::StatusCode::kDataLoss);
  write(published("checkpoint"), "<html>");
  EXPECT_EQ(round().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(kept("newest"), "");
}

TEST_F(MirrorTest, what_cannot_be_read_is_unavailable_and_changes_nothing) {
  EXPECT_EQ(round().status().code(), absl::StatusCode::kUnavailable);
  publish(tree_, 5);
  EXPECT_EQ(verdict(), "first");
  write(published("checkpoint"), note(tree_, 700));
  EXPECT_EQ(round().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(kept("newest"), note(tree_, 5));
}

TEST_F(MirrorTest, a_partial_tile_that_is_gone_is_read_from_the_full_one) {
  publish(tree_, 5);
  EXPECT_EQ(verdict(), "first");
  publish(tree_, 700);
  write(published("checkpoint"), note(tree_, 200));
  EXPECT_EQ(verdict(), "extended");
}

TEST_F(MirrorTest, a_damaged_copy_is_named) {
  publish(tree_, 5);
  EXPECT_EQ(verdict(), "first");
  write(folder_->path("newest"), "");
  const auto failed = round();
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr(folder_->path("newest")));
}

// A web server that answers with errors and with tiles of its own is no fork of the log.
TEST_F(MirrorTest, a_hostile_web_server_is_no_fork) {
  publish(tree_, 5);
  EXPECT_EQ(verdict(), "first");
  std::function<HttpResponse(uint32_t)> tile;  // its argument is the width
  auto server = HttpServer::start({.listen = "127.0.0.1:0"}, [&](const HttpServerRequest& request) {
    if (request.target == "/log/checkpoint") return HttpResponse{200, "", note(tree_, 700)};
    return tile(TileName::parse(request.target.substr(5))->width);
  });
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/log/";
  const struct {
    const char* name;
    std::function<HttpResponse(uint32_t)> tile;
    absl::StatusCode code;
  } kRows[] = {{"no tile",
                [](uint32_t) {
                  return HttpResponse{404, "", ""};
                },
                absl::StatusCode::kUnavailable},
               {"an error",
                [](uint32_t) {
                  return HttpResponse{500, "", ""};
                },
                absl::StatusCode::kUnavailable},
               {"a redirect",
                [](uint32_t) {
                  return HttpResponse{302, "", ""};
                },
                absl::StatusCode::kUnavailable},
               {"a tile that is too long",
                [](uint32_t width) {
                  return HttpResponse{200, "", std::string(32 * width + 1, 'x')};
                },
                absl::StatusCode::kUnavailable},
               {"an empty tile",
                [](uint32_t) {
                  return HttpResponse{200, "", ""};
                },
                absl::StatusCode::kOk},
               {"a tile of other bytes",
                [](uint32_t width) {
                  return HttpResponse{200, "", std::string(32 * width, 'x')};
                },
                absl::StatusCode::kOk}};
  for (const auto& row : kRows) {
    tile = row.tile;
    MirrorSource source(url, "");
    const auto done = mirror_round(source, *folder_, keys_, kDay);
    EXPECT_EQ(done.status().code(), row.code) << row.name << ": " << done.status();
    if (!done.ok()) continue;
    EXPECT_EQ(done->finding.verdict, MirrorVerdict::kUnproved) << row.name;
    fs::remove(folder_->path("fork-1"));
  }
  EXPECT_EQ(kept("newest"), note(tree_, 5));
}

}  // namespace
}  // namespace gatetape::tools
