#include "record/merkle.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bytes.h"

namespace gatetape {
namespace {

// The test vectors of Certificate Transparency (RFC 6962): eight leaves and the root after each.
struct Row {
  const char* leaf_hex;
  const char* root_hex;
};
const std::vector<Row> kVectors = {
    {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"606162636465666768696a6b6c6d6e6f",
     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

Hash leaf_of(const char* hex) {
  std::string bytes;
  EXPECT_TRUE(from_hex(hex, &bytes));
  return sha256(std::string_view("\0", 1), bytes);
}

TEST(Merkle, roots_are_those_of_rfc_6962) {
  CompactRange range;
  EXPECT_EQ(to_hex(view(range.root())),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (const Row& row : kVectors) {
    range.append(leaf_of(row.leaf_hex));
    EXPECT_EQ(to_hex(view(range.root())), row.root_hex) << "size " << range.size();
  }
}

TEST(Merkle, a_range_goes_on_from_its_peaks) {
  for (size_t cut = 0; cut <= kVectors.size(); cut++) {
    CompactRange range;
    for (size_t i = 0; i < kVectors.size(); i++) {
      if (i == cut) range = *CompactRange::from_peaks(range.size(), range.peaks());
      range.append(leaf_of(kVectors[i].leaf_hex));
      EXPECT_EQ(to_hex(view(range.root())), kVectors[i].root_hex) << "cut at " << cut;
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
