#include "log/db/db_node_source.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "record/merkle.h"

namespace gatetape {
namespace {

constexpr uint32_t kLevelBits = 8;      // log_node holds every eighth level
constexpr uint64_t kBlockHashes = 128;  // a subtree of fewer levels lies in one block
constexpr uint32_t kTreeLevels = 63;

const char* const kSelectLeaves =
    "select leaf_index, leaf from gatetape.log_leaf where leaf_index >= $1::bigint "
    "and leaf_index < $1::bigint + $2::bigint order by leaf_index";
const char* const kSelectNodes =
    "select node_index, hash from gatetape.log_node where level = $3::smallint "
    "and node_index >= $1::bigint and node_index < $1::bigint + $2::bigint order by node_index";

// root_of returns the root over a number of hashes that is a power of two.
Hash root_of(absl::Span<const Hash> hashes) {
  CompactRange range;
  for (const Hash& hash : hashes) range.append(hash);
  CHECK(range.peaks().size() == 1, hashes.size());
  return range.root();
}

}  // namespace

absl::StatusOr<Hash> DbNodeSource::node(uint32_t level, uint64_t index) {
  CHECK(level < kTreeLevels && index <= UINT64_MAX >> (level + 1), level, index);
  const uint32_t stored_level = level / kLevelBits, height = level % kLevelBits;
  const uint64_t first = index << height, count = uint64_t{1} << height;
  Block& block = blocks_[stored_level];
  const auto has_it = [&] {
    return block.first <= first && first + count <= block.first + block.hashes.size();
  };
  if (!has_it()) {
    absl::StatusOr<Block> read = read_block(stored_level, first / kBlockHashes * kBlockHashes);
    if (!read.ok()) return read.status();
    block = *std::move(read);
  }
  if (!has_it())
    return absl::DataLossError(absl::StrCat("the stored log has a hole: level ", stored_level * 8,
                                            ", hash ", block.first + block.hashes.size(),
                                            " is missing"));
  return root_of(absl::MakeConstSpan(block.hashes).subspan(first - block.first, count));
}

// The block ends before the first row that is missing.
absl::StatusOr<DbNodeSource::Block> DbNodeSource::read_block(uint32_t stored_level,
                                                             uint64_t first) {
  std::vector<PgParam> params = {PgParam::int8(static_cast<int64_t>(first)),
                                 PgParam::int8(kBlockHashes)};
  if (stored_level > 0) params.push_back(PgParam::int2(static_cast<int16_t>(stored_level)));
  const auto rows = db_.query(stored_level == 0 ? kSelectLeaves : kSelectNodes, params);
  if (!rows.ok()) return rows.status();
  Block block{.first = first, .hashes = {}};
  for (int i = 0; i < rows->size(); i++) {
    DbRow row = rows->row(i);
    const uint64_t index = row.count();
    Hash hash{};
    const bool is_hash = to_hash(row.bytes(), &hash);
    if (absl::Status status = row.finish(); !status.ok()) return status;
    if (!is_hash || index != first + block.hashes.size()) break;
    block.hashes.push_back(hash);
  }
  return block;
}

}  // namespace gatetape
