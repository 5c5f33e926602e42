// DbNodeSource: the tree of the log as PostgreSQL stores it (migrations/0005_log.sql), for proofs
// and tiles. log_leaf holds level 0, and log_node the levels 8, 16 ... 56; the levels between are
// computed. It remembers the rows that it read last, so make one for each proof or round: after a
// transaction that was rolled back the memory would be wrong. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/db.h"
#include "log/proof.h"

namespace gatetape {

class DbNodeSource : public NodeSource {
 public:
  // `db` outlives the source. Its role may select log_leaf and log_node.
  explicit DbNodeSource(Db& db) : db_(db) {}

  // node reads at most 128 rows. It fails with DATA_LOSS when rows of the subtree are missing or
  // malformed, and as Db::query does.
  absl::StatusOr<Hash> node(uint32_t level, uint64_t index) override;

 private:
  static constexpr uint32_t kStoredLevels = 8;
  // Block is 128 hashes of a stored level, or fewer at the end of the tree.
  struct Block {
    uint64_t first = 0;
    std::vector<Hash> hashes;
  };
  absl::StatusOr<Block> read_block(uint32_t stored_level, uint64_t first);

  Db& db_;
  std::array<Block, kStoredLevels> blocks_;  // the newest one of each stored level
};

}  // namespace gatetape
