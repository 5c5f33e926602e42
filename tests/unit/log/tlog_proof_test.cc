#include "log/tlog_proof.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/support/memory_tree.h"

namespace gatetape {
namespace {

// Proved is a log of some entries, and the proof of one of them.
struct Proved {
  NoteSigner log{"gw.gatetape/log", NoteKeyType::kEd25519, SigningKey::generate()};
  MemoryTree tree = MemoryTree::of_size(21);
  std::vector<VerifierKey> keys = {log.verifier_key()};
  TlogProof proof;

  explicit Proved(uint64_t index) {
    proof.extra = "entry " + std::to_string(index);
    proof.index = index;
    proof.hashes = *inclusion_proof(tree, index, tree.size());
    proof.checkpoint = sign_checkpoint({log.name, tree.head(), ""}, log).to_text();
  }
  // opens returns true when `text` proves what its extra bytes say.
  bool opens(const std::string& text) const {
    const auto parsed = TlogProof::parse(text);
    return parsed.ok() && parsed->extra && parsed->verify(*parsed->extra, log.name, keys).ok();
  }
};

TEST(TlogProof, the_text_is_that_of_c2sp) {
  TlogProof proof;
  proof.index = 73894;
  proof.hashes = {merkle_leaf("a"), merkle_leaf("b")};
  proof.checkpoint = "checkpoint\n";
  const std::string rest = "index 73894\n" + to_base64(view(merkle_leaf("a"))) + "\n" +
                           to_base64(view(merkle_leaf("b"))) + "\n\ncheckpoint\n";
  EXPECT_EQ(proof.to_text(), "c2sp.org/tlog-proof@v1\n" + rest);
  proof.extra = "any bytes\n";
  EXPECT_EQ(proof.to_text(), "c2sp.org/tlog-proof@v1\nextra YW55IGJ5dGVzCg==\n" + rest);
  proof.extra = "";
  EXPECT_EQ(proof.to_text(), "c2sp.org/tlog-proof@v1\nextra \n" + rest);
}

TEST(TlogProof, each_entry_is_proved_offline) {
  for (uint64_t index = 0; index < 21; index++) {
    const Proved proved(index);
    const std::string text = proved.proof.to_text();
    EXPECT_EQ(TlogProof::parse(text)->to_text(), text);
    EXPECT_TRUE(proved.opens(text));
    const auto opened =
        proved.proof.verify("entry " + std::to_string(index), proved.log.name, proved.keys);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(opened->checkpoint.tree.size, 21U);
  }
}

TEST(TlogProof, every_changed_bit_is_refused) {
  const Proved proved(13);
  const std::string text = proved.proof.to_text();
  for (size_t bit = 0; bit < 8 * text.size(); bit++) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(proved.opens(changed)) << "bit " << bit;
  }
  for (size_t size = 0; size < text.size(); size++)
    EXPECT_FALSE(proved.opens(text.substr(0, size))) << size;
}

TEST(TlogProof, the_proof_of_another_leaf_or_tree_proves_nothing) {
  const Proved proved(13);
  const auto code = [&](const TlogProof& proof, const char* entry) {
    return proof.verify(entry, proved.log.name, proved.keys).status().code();
  };
  EXPECT_EQ(code(proved.proof, "entry 13"), absl::StatusCode::kOk);
  EXPECT_EQ(code(proved.proof, "entry 12"), absl::StatusCode::kDataLoss);
  TlogProof other = proved.proof;
  other.index = 12;
  EXPECT_EQ(code(other, "entry 13"), absl::StatusCode::kDataLoss);
  other = proved.proof;
  other.checkpoint = Proved(13).proof.checkpoint;
  EXPECT_EQ(code(other, "entry 13"), absl::StatusCode::kNotFound) << "a log of another key";
  other.checkpoint =
      sign_checkpoint({proved.log.name, MemoryTree::of_size(20).head(), ""}, proved.log).to_text();
  EXPECT_EQ(code(other, "entry 13"), absl::StatusCode::kDataLoss) << "an older checkpoint";
}

TEST(TlogProof, other_texts_are_refused) {
  const std::string first = "c2sp.org/tlog-proof@v1\n", hash = to_base64(view(merkle_leaf("a")));
  EXPECT_TRUE(TlogProof::parse(first + "index 0\n" + hash + "\n\nx").ok());
  EXPECT_TRUE(TlogProof::parse(first + "extra AAAA\nindex 0\n\nx").ok());
  const std::vector<std::pair<const char*, std::string>> rows = {
      {"nothing", ""},
      {"another version", "c2sp.org/tlog-proof@v2\nindex 0\n\nx"},
      {"no index", first + hash + "\n\nx"},
      {"an index with a zero in front", first + "index 00\n\nx"},
      {"a negative index", first + "index -1\n\nx"},
      {"extra twice", first + "extra AAAA\nextra AAAA\nindex 0\n\nx"},
      {"extra behind", first + "index 0\nextra AAAA\n\nx"},
      {"extra without its space", first + "extra\nindex 0\n\nx"},
      {"extra that is not base64", first + "extra A\nindex 0\n\nx"},
      {"a short hash", first + "index 0\nAAAA\n\nx"},
      {"no empty line", first + "index 0\n" + hash + "\n"},
      {"too long", first + "index 0\n\n" + std::string(kTlogProofBytesMax, 'x')},
  };
  for (const auto& [name, text] : rows)
    EXPECT_EQ(TlogProof::parse(text).status().code(), absl::StatusCode::kInvalidArgument) << name;
}

}  // namespace
}  // namespace gatetape
