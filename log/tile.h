// Tiles: the files in which the log is published (docs/FORMAT.md section 9.6; C2SP tlog-tiles):
// which there are, how they are named, and what they hold. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/crypto.h"
#include "log/proof.h"

namespace gatetape {

// Hashes of a full tile, and entries of a full bundle.
constexpr uint32_t kTileWidth = 256;
// Levels of a tree of 2^63 leaves.
constexpr uint32_t kTileLevels = 8;
// Largest entry in a bundle, in bytes: its length is a uint16.
constexpr size_t kBundleEntryBytesMax = 65535;

// TileName names a tile of hashes, or the bundle of entries of a tile of level 0.
struct TileName {
  bool is_bundle = false;
  uint32_t level = 0;  // below kTileLevels; 0 for a bundle
  uint64_t index = 0;
  uint32_t width = kTileWidth;  // hashes or entries, from 1

  // path returns the path below the folder of the log.
  std::string path() const;
  // parse accepts the path that path returns. The text may be hostile; it fails with
  // INVALID_ARGUMENT for any other one.
  static absl::StatusOr<TileName> parse(std::string_view path);
  bool operator==(const TileName&) const = default;
};

// tile_of returns the name of tile `index` of a level in a tree of `size`. A tile that the tree
// does not have fails a CHECK.
TileName tile_of(uint64_t size, uint32_t level, uint64_t index);
// new_tiles returns the tiles and bundles that a tree of `size` has and one of `old_size` has not.
// An `old_size` above `size` fails a CHECK.
std::vector<TileName> new_tiles(uint64_t old_size, uint64_t size);

// make_tile returns the content of a tile of hashes. It fails only as `source` does.
absl::StatusOr<std::string> make_tile(NodeSource& source, const TileName& name);
// parse_tile returns the hashes of a tile. The bytes may be hostile; it fails with DATA_LOSS when
// there are not exactly `width`.
absl::StatusOr<std::vector<Hash>> parse_tile(std::string_view bytes, uint32_t width);

// make_bundle returns the content of a bundle. An entry over kBundleEntryBytesMax fails a CHECK.
std::string make_bundle(absl::Span<const std::string> entries);
// parse_bundle returns the entries of a bundle. The bytes may be hostile; it fails with DATA_LOSS
// when they are not exactly `width` entries.
absl::StatusOr<std::vector<std::string>> parse_bundle(std::string_view bytes, uint32_t width);

// TileReader returns the content of published files. The caller owns it.
class TileReader {
 public:
  virtual ~TileReader() = default;
  virtual absl::StatusOr<std::string> read(const TileName& name) = 0;
};

// TileSource reads the nodes of a tree of `size` out of tiles. The tiles may be hostile: a proof
// that is made from them proves something only when it verifies.
class TileSource : public NodeSource {
 public:
  TileSource(TileReader& reader, uint64_t size) : reader_(reader), size_(size) {}
  absl::StatusOr<Hash> node(uint32_t level, uint64_t index) override;

 private:
  TileReader& reader_;
  const uint64_t size_;
};

}  // namespace gatetape
