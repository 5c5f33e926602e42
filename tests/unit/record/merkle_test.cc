#include "record/merkle.h"

#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"
#include "tests/support/rfc6962_vectors.h"

namespace gatetape {
namespace {

Hash leaf_of(const char* hex) {
  std::string bytes;
  EXPECT_TRUE(from_hex(hex, &bytes));
  return sha256(std::string_view("\0", 1), bytes);
}

TEST(Merkle, roots_are_those_of_rfc_6962) {
  CompactRange range;
  EXPECT_EQ(to_hex(view(range.root())),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (const Rfc6962Vector& row : kRfc6962Vectors) {
    range.append(leaf_of(row.leaf_hex));
    EXPECT_EQ(to_hex(view(range.root())), row.root_hex) << "size " << range.size();
  }
}

TEST(Merkle, a_range_goes_on_from_its_peaks) {
  for (size_t cut = 0; cut <= kRfc6962Vectors.size(); cut++) {
    CompactRange range;
    for (size_t i = 0; i < kRfc6962Vectors.size(); i++) {
      if (i == cut) range = *CompactRange::from_peaks(range.size(), range.peaks());
      range.append(leaf_of(kRfc6962Vectors[i].leaf_hex));
      EXPECT_EQ(to_hex(view(range.root())), kRfc6962Vectors[i].root_hex) << "cut at " << cut;
    }
  }
}

TEST(Merkle, peaks_that_do_not_fit_the_size_are_refused) {
  const Hash hash{};
  EXPECT_TRUE(CompactRange::from_peaks(0, {}).ok());
  EXPECT_TRUE(CompactRange::from_peaks(5, {hash, hash}).ok());
  EXPECT_EQ(CompactRange::from_peaks(0, {hash}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CompactRange::from_peaks(5, {hash}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CompactRange::from_peaks(UINT64_MAX, {hash}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gatetape
