#include "log/witness_core.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/support/memory_tree.h"

namespace gatetape {
namespace {

constexpr char kOrigin[] = "gw.gatetape/log";
constexpr uint64_t kNow = 1796000000;

class Store : public WitnessStore {
 public:
  absl::Status keep(const std::string& origin, const std::string& note) override {
    if (is_broken) return absl::UnavailableError("the disk is full");
    kept[origin] = note;
    return absl::OkStatus();
  }
  std::map<std::string, std::string> kept;
  bool is_broken = false;
};

NoteSigner log_signer() { return {kOrigin, NoteKeyType::kEd25519, SigningKey::generate()}; }

// World is a log, its witness, and what the witness keeps.
struct World {
  NoteSigner log = log_signer();
  NoteSigner witness_key{"witness.example/w1", NoteKeyType::kCosignature, SigningKey::generate()};
  MemoryTree tree = MemoryTree::of_size(40);
  Store store;
  WitnessCore witness{witness_key, store};

  World() { witness.trust(log.verifier_key()); }

  std::string note(const TreeHead& head) const {
    return sign_checkpoint({kOrigin, head, ""}, log).to_text();
  }
  // request returns an honest request of a tree.
  AddCheckpoint request(MemoryTree& of, uint64_t old_size, uint64_t size) const {
    return {old_size, *consistency_proof(of, old_size, size), note(of.head(size))};
  }
  WitnessAnswer ask(const AddCheckpoint& of) { return witness.add_checkpoint(of.to_text(), kNow); }
  WitnessAnswer grow(uint64_t old_size, uint64_t size) {
    return ask(request(tree, old_size, size));
  }
  // expect_kept fails unless the witness and its store have the tree of `size`.
  void expect_kept(uint64_t size) {
    ASSERT_NE(witness.newest(kOrigin), nullptr);
    EXPECT_EQ(witness.newest(kOrigin)->tree, tree.head(size));
    EXPECT_EQ(store.kept[kOrigin], note(tree.head(size)));
  }
};

MemoryTree fork_of(uint64_t size) {
  MemoryTree fork;
  for (uint64_t i = 0; i < size; i++)
    fork.append((i == 3 ? "forged " : "entry ") + std::to_string(i));
  return fork;
}

TEST(WitnessCore, a_log_that_only_grows_is_cosigned) {
  World world;
  uint64_t last = 0;
  for (const uint64_t size : {1U, 2U, 7U, 8U, 30U, 40U}) {
    const WitnessAnswer answer = world.grow(last, size);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto opened =
        open_checkpoint(world.note(world.tree.head(size)) + answer.body, kOrigin,
                        {world.log.verifier_key(), world.witness_key.verifier_key()});
    ASSERT_TRUE(opened.ok()) << opened.status();
    ASSERT_EQ(opened->cosignatures.size(), 1U);
    EXPECT_EQ(opened->cosignatures[0].time_s, kNow);
    world.expect_kept(size);
    last = size;
  }
}

TEST(WitnessCore, a_repeated_checkpoint_is_cosigned_again) {
  World world;
  ASSERT_EQ(world.grow(0, 8).status, 200);
  EXPECT_EQ(world.grow(8, 8).status, 200);
  AddCheckpoint with_proof = world.request(world.tree, 8, 8);
  with_proof.proof.push_back(Hash{});
  EXPECT_EQ(world.ask(with_proof).status, 422);
  world.expect_kept(8);
}

TEST(WitnessCore, an_empty_log_is_cosigned) {
  World world;
  EXPECT_EQ(world.grow(0, 0).status, 200);
  EXPECT_EQ(world.ask({0, {}, world.note({0, Hash{}})}).status, 422);
  EXPECT_EQ(world.grow(0, 5).status, 200);
  world.expect_kept(5);
}

TEST(WitnessCore, a_log_learns_the_size_that_it_does_not_know) {
  World world;
  ASSERT_EQ(world.grow(0, 30).status, 200);
  for (const uint64_t old_size : {0U, 1U, 29U, 31U}) {
    const WitnessAnswer answer = world.grow(old_size, 40);
    EXPECT_EQ(answer.status, 409) << old_size;
    EXPECT_EQ(answer.body, "30\n");
    EXPECT_EQ(answer.content_type, "text/x.tlog.size");
  }
  world.expect_kept(30);
}

TEST(WitnessCore, a_rollback_is_refused) {
  World world;
  ASSERT_EQ(world.grow(0, 30).status, 200);
  // A log that was restored from an older state sends the old size that it knows, and then the one
  // that the witness named.
  const WitnessAnswer answer = world.grow(7, 8);
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.body, "30\n");
  AddCheckpoint request = world.request(world.tree, 7, 8);
  request.old_size = 30;
  EXPECT_EQ(world.ask(request).status, 400);
  world.expect_kept(30);
}

TEST(WitnessCore, a_fork_is_refused_whatever_its_size) {
  World world;
  ASSERT_EQ(world.grow(0, 20).status, 200);
  MemoryTree fork = fork_of(40);
  const WitnessAnswer same = world.ask(world.request(fork, 20, 20));
  EXPECT_EQ(same.status, 409);
  EXPECT_EQ(same.content_type, "text/plain; charset=utf-8") << "the log must not just try again";
  for (uint64_t size = 21; size <= 40; size++)
    EXPECT_EQ(world.ask(world.request(fork, 20, size)).status, 422) << size;
  world.expect_kept(20);
}

TEST(WitnessCore, a_changed_proof_is_refused) {
  World world;
  ASSERT_EQ(world.grow(0, 20).status, 200);
  AddCheckpoint request = world.request(world.tree, 20, 40);
  for (size_t bit = 0; bit < 256 * request.proof.size(); bit++) {
    char& byte = request.proof[bit / 256][bit % 256 / 8];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    ASSERT_EQ(world.ask(request).status, 422) << bit;
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
  }
  AddCheckpoint first = world.request(world.tree, 20, 40);
  World unborn;
  first.old_size = 0;
  first.checkpoint = unborn.note(unborn.tree.head(40));
  EXPECT_EQ(unborn.ask(first).status, 422) << "the proof from 0 is empty";
}

TEST(WitnessCore, strangers_are_refused) {
  World world;
  const auto ask = [&](const NoteSigner& signer, const std::string& origin) {
    return world.ask({0, {}, sign_checkpoint({origin, world.tree.head(), ""}, signer).to_text()})
        .status;
  };
  const NoteSigner other{"other.gatetape/log", NoteKeyType::kEd25519, SigningKey::generate()};
  EXPECT_EQ(ask(other, other.name), 404) << "an unknown origin";
  EXPECT_EQ(ask(log_signer(), kOrigin), 403) << "another key of the name";
  EXPECT_EQ(ask(other, kOrigin), 403) << "the key of another log";
  EXPECT_EQ(ask(world.witness_key, kOrigin), 403) << "a cosignature alone";
  SignedNote note = sign_checkpoint({kOrigin, world.tree.head(), ""}, world.log);
  note.signatures[0].bytes[1] = static_cast<char>(note.signatures[0].bytes[1] ^ 1);
  EXPECT_EQ(world.ask({0, {}, note.to_text()}).status, 403) << "a damaged signature";
  EXPECT_EQ(world.witness.newest(kOrigin), nullptr);
  EXPECT_TRUE(world.store.kept.empty());
}

TEST(WitnessCore, either_key_of_a_rotation_signs) {
  World world;
  const NoteSigner next = log_signer();
  world.witness.trust(next.verifier_key());
  ASSERT_EQ(world.grow(0, 8).status, 200);
  AddCheckpoint request = world.request(world.tree, 8, 20);
  request.checkpoint = sign_checkpoint({kOrigin, world.tree.head(20), ""}, next).to_text();
  EXPECT_EQ(world.ask(request).status, 200);
}

TEST(WitnessCore, malformed_requests_are_refused) {
  World world;
  const std::string good = world.request(world.tree, 0, 8).to_text();
  const std::string hash = to_base64(view(merkle_leaf("a"))) + "\n";
  std::string hashes;
  for (size_t i = 0; i < 64; i++) hashes += hash;
  const std::string note = world.note(world.tree.head(8));
  const std::vector<std::pair<const char*, std::string>> rows = {
      {"nothing", ""},
      {"no old size", note},
      {"another word", "new" + good.substr(3)},
      {"a size with a zero in front", "old 00" + good.substr(5)},
      {"no empty line", "old 0\n" + note},
      {"64 hashes", "old 0\n" + hashes + "\n" + note},
      {"a short hash", "old 0\nAAAA\n\n" + note},
      {"no checkpoint", "old 0\n\n"},
      {"no signature", "old 0\n\n" + note.substr(0, note.find("\n\n") + 1)},
      {"a note that is no checkpoint", "old 0\n\ntext" + note.substr(note.find("\n\n"))},
      {"too long", good + std::string(kAddCheckpointBytesMax, 'x')},
  };
  for (const auto& [name, body] : rows)
    EXPECT_EQ(world.witness.add_checkpoint(body, kNow).status, 400) << name;
  EXPECT_EQ(world.witness.newest(kOrigin), nullptr);
}

TEST(WitnessCore, nothing_is_cosigned_that_is_not_kept) {
  World world;
  ASSERT_EQ(world.grow(0, 8).status, 200);
  world.store.is_broken = true;
  const WitnessAnswer answer = world.grow(8, 20);
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.find("\xe2\x80\x94"), std::string::npos) << "no signature line";
  world.expect_kept(8);
  world.store.is_broken = false;
  EXPECT_EQ(world.grow(8, 20).status, 200);
  world.expect_kept(20);
}

TEST(WitnessCore, a_restart_forgets_nothing) {
  World world;
  ASSERT_EQ(world.grow(0, 20).status, 200);
  WitnessCore again(world.witness_key, world.store);
  ASSERT_TRUE(again.restore(kOrigin, world.store.kept[kOrigin]).ok());
  again.trust(world.log.verifier_key());
  MemoryTree fork = fork_of(40);
  const auto ask = [&](const AddCheckpoint& request) {
    return again.add_checkpoint(request.to_text(), kNow).status;
  };
  EXPECT_EQ(ask(world.request(fork, 20, 40)), 422);
  EXPECT_EQ(ask(world.request(world.tree, 0, 8)), 409);
  EXPECT_EQ(ask(world.request(world.tree, 20, 40)), 200);
}

TEST(WitnessCore, a_restart_reads_only_what_was_kept) {
  World world;
  const std::string note = world.note(world.tree.head(8));
  EXPECT_EQ(world.witness.restore(kOrigin, "x").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(world.witness.restore("other", note).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(world.witness.restore(kOrigin, note).ok());
  EXPECT_EQ(world.witness.restore(kOrigin, note).code(), absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace gatetape
