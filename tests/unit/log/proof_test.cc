#include "log/proof.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/support/memory_tree.h"
#include "tests/support/rfc6962_vectors.h"

namespace gatetape {
namespace {

constexpr uint64_t kSizeMax = 65;  // one more than a complete tree of six levels

MemoryTree vector_tree() {
  MemoryTree tree;
  for (const Rfc6962Vector& row : kRfc6962Vectors) {
    std::string entry;
    EXPECT_TRUE(from_hex(row.leaf_hex, &entry));
    tree.append(entry);
  }
  return tree;
}

std::vector<std::string> hex_of(const std::vector<Hash>& hashes) {
  std::vector<std::string> hex;
  for (const Hash& hash : hashes) hex.push_back(to_hex(view(hash)));
  return hex;
}

// expect_each_flip_is_refused flips every bit of the proof, and drops, repeats and adds hashes.
void expect_each_change_is_refused(std::vector<Hash> proof,
                                   const std::function<bool(const std::vector<Hash>&)>& good) {
  ASSERT_TRUE(good(proof));
  for (Hash& hash : proof) {
    for (size_t bit = 0; bit < 256; bit++) {
      const char flip = static_cast<char>(1 << (bit % 8));
      hash[bit / 8] = static_cast<char>(hash[bit / 8] ^ flip);
      ASSERT_FALSE(good(proof)) << "bit " << bit;
      hash[bit / 8] = static_cast<char>(hash[bit / 8] ^ flip);
    }
  }
  std::vector<Hash> longer = proof;
  longer.push_back(Hash{});
  EXPECT_FALSE(good(longer));
  longer = proof;
  longer.insert(longer.begin(), Hash{});
  EXPECT_FALSE(good(longer));
  if (proof.empty()) return;
  EXPECT_FALSE(good({proof.begin() + 1, proof.end()}));
  EXPECT_FALSE(good({proof.begin(), proof.end() - 1}));
}

TEST(LogProof, roots_are_those_of_rfc_6962) {
  MemoryTree tree = vector_tree();
  EXPECT_EQ(to_hex(view(empty_root())),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(*tree_root(tree, 0), empty_root());
  for (uint64_t size = 1; size <= kRfc6962Vectors.size(); size++)
    EXPECT_EQ(to_hex(view(*tree_root(tree, size))), kRfc6962Vectors[size - 1].root_hex) << size;
}

// The proofs of merkle_tree_test.cc of Certificate Transparency.
TEST(LogProof, proofs_are_those_of_the_published_vectors) {
  MemoryTree tree = vector_tree();
  EXPECT_EQ(hex_of(*inclusion_proof(tree, 0, 1)), std::vector<std::string>());
  EXPECT_EQ(hex_of(*inclusion_proof(tree, 0, 8)),
            (std::vector<std::string>{
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(hex_of(*inclusion_proof(tree, 5, 8)),
            (std::vector<std::string>{
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(hex_of(*consistency_proof(tree, 2, 5)),
            (std::vector<std::string>{
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}));
  EXPECT_EQ(hex_of(*consistency_proof(tree, 6, 8)),
            (std::vector<std::string>{
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
}

TEST(LogProof, every_leaf_of_every_size_is_included_at_its_own_index_alone) {
  MemoryTree tree = MemoryTree::of_size(kSizeMax);
  for (uint64_t size = 1; size <= kSizeMax; size++) {
    const TreeHead head = tree.head(size);
    for (uint64_t index = 0; index < size; index++) {
      const auto proof = inclusion_proof(tree, index, size);
      ASSERT_TRUE(proof.ok());
      for (uint64_t other = 0; other < size + 2; other++) {
        const bool good = verify_inclusion(tree.leaf(index), other, head, *proof).ok();
        ASSERT_EQ(good, other == index) << size << " " << index << " " << other;
      }
    }
  }
}

TEST(LogProof, every_size_is_consistent_with_every_larger_one) {
  MemoryTree tree = MemoryTree::of_size(kSizeMax);
  for (uint64_t size = 0; size <= kSizeMax; size++) {
    for (uint64_t old_size = 0; old_size <= size; old_size++) {
      const auto proof = consistency_proof(tree, old_size, size);
      ASSERT_TRUE(proof.ok());
      ASSERT_LE(proof->size(), 8U);
      ASSERT_TRUE(verify_consistency(tree.head(old_size), tree.head(size), *proof).ok())
          << old_size << " to " << size;
    }
  }
}

TEST(LogProof, every_changed_bit_of_a_proof_is_refused) {
  MemoryTree tree = MemoryTree::of_size(kSizeMax);
  for (const uint64_t size : {1U, 2U, 3U, 7U, 8U, 21U, 64U, 65U}) {
    const TreeHead head = tree.head(size);
    for (uint64_t at = 0; at < size; at++) {
      expect_each_change_is_refused(*inclusion_proof(tree, at, size), [&](const auto& proof) {
        return verify_inclusion(tree.leaf(at), at, head, proof).ok();
      });
      const TreeHead older = tree.head(at);
      expect_each_change_is_refused(*consistency_proof(tree, at, size), [&](const auto& proof) {
        return verify_consistency(older, head, proof).ok();
      });
    }
  }
}

TEST(LogProof, every_changed_bit_of_a_root_or_leaf_is_refused) {
  MemoryTree tree = MemoryTree::of_size(21);
  const TreeHead older = tree.head(13), newer = tree.head(21);
  const auto grown = *consistency_proof(tree, 13, 21);
  const auto included = *inclusion_proof(tree, 17, 21);
  for (size_t bit = 0; bit < 256; bit++) {
    const auto flipped = [bit](Hash hash) {
      hash[bit / 8] = static_cast<char>(hash[bit / 8] ^ (1 << (bit % 8)));
      return hash;
    };
    EXPECT_FALSE(verify_consistency({13, flipped(older.root)}, newer, grown).ok());
    EXPECT_FALSE(verify_consistency(older, {21, flipped(newer.root)}, grown).ok());
    EXPECT_FALSE(verify_inclusion(flipped(tree.leaf(17)), 17, newer, included).ok());
    EXPECT_FALSE(verify_inclusion(tree.leaf(17), 17, {21, flipped(newer.root)}, included).ok());
  }
}

TEST(LogProof, a_fork_has_no_consistency_proof) {
  for (uint64_t changed = 0; changed < 21; changed++) {
    MemoryTree tree = MemoryTree::of_size(21), fork;
    for (uint64_t i = 0; i < 40; i++)
      fork.append((i == changed ? "forged " : "entry ") + std::to_string(i));
    const auto proof = *consistency_proof(fork, 21, 40);
    EXPECT_FALSE(verify_consistency(tree.head(), fork.head(), proof).ok()) << changed;
  }
}

TEST(LogProof, sizes_that_do_not_fit_are_refused) {
  MemoryTree tree = MemoryTree::of_size(8);
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(inclusion_proof(tree, 8, 8).status().code(), invalid);
  EXPECT_EQ(inclusion_proof(tree, 0, 0).status().code(), invalid);
  EXPECT_EQ(consistency_proof(tree, 8, 7).status().code(), invalid);
  EXPECT_FALSE(verify_inclusion(tree.leaf(0), 0, {0, empty_root()}, {}).ok());
  EXPECT_FALSE(verify_consistency(tree.head(8), tree.head(7), {}).ok());
  EXPECT_FALSE(verify_consistency({0, Hash{}}, tree.head(7), {}).ok());
  EXPECT_FALSE(verify_consistency({7, Hash{}}, tree.head(7), {}).ok());
}

// A log can sign a size that is smaller than the tree of its root. Longer proofs would lead there.
TEST(LogProof, a_proof_has_the_length_of_the_size) {
  MemoryTree tree = MemoryTree::of_size(8);
  const TreeHead of_one{1, tree.head(2).root};
  EXPECT_FALSE(verify_inclusion(tree.leaf(1), 0, of_one, {{tree.leaf(0)}}).ok());
  const std::vector<Hash> longer = *consistency_proof(tree, 2, 8);
  EXPECT_FALSE(verify_consistency(tree.head(2), {4, tree.head(8).root}, longer).ok());
  const std::vector<Hash> shorter = *consistency_proof(tree, 2, 4);
  EXPECT_FALSE(verify_consistency(tree.head(2), {8, tree.head(4).root}, shorter).ok());
  EXPECT_FALSE(verify_inclusion(tree.leaf(0), 0, {8, tree.leaf(0)}, {}).ok());

  std::vector<Hash> proof = *consistency_proof(tree, 3, 4);
  const Hash extra = tree.leaf(7);
  proof.push_back(extra);
  EXPECT_FALSE(verify_consistency({3, node_hash(extra, tree.head(3).root)},
                                  {4, node_hash(extra, tree.head(4).root)}, proof)
                   .ok());
  for (uint64_t old_size = 1; old_size < 8; old_size++)
    EXPECT_FALSE(verify_consistency(tree.head(old_size), tree.head(8), {}).ok()) << old_size;
}

TEST(LogProof, a_store_that_fails_fails_the_proof) {
  MemoryTree tree = MemoryTree::of_size(21);
  tree.broken_level = 3;
  const auto away = absl::StatusCode::kUnavailable;
  EXPECT_TRUE(inclusion_proof(tree, 20, 21).ok()) << "the proof needs the levels 2 and 4 alone";
  EXPECT_EQ(inclusion_proof(tree, 3, 21).status().code(), away);
  EXPECT_EQ(consistency_proof(tree, 12, 21).status().code(), away);
  EXPECT_TRUE(tree_root(tree, 21).ok());
  EXPECT_EQ(tree_root(tree, 8).status().code(), away);
}

}  // namespace
}  // namespace gatetape
