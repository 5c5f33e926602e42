#include "log/tile.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "log/fields.h"
#include "record/merkle.h"

namespace gatetape {
namespace {

constexpr uint32_t kLevelBits = 8;  // a full tile is a subtree of this height

// hashes_of returns the number of hashes that all tiles of a level together have.
uint64_t hashes_of(uint64_t size, uint32_t level) { return size >> (kLevelBits * level); }

// index_path returns an index in groups of three digits: 1234067 is x001/x234/067.
std::string index_path(uint64_t index) {
  std::string digits = std::to_string(index), path;
  digits.insert(0, (3 - digits.size() % 3) % 3, '0');
  for (size_t at = 0; at + 3 < digits.size(); at += 3) path += "x" + digits.substr(at, 3) + "/";
  return path + digits.substr(digits.size() - 3);
}

// parse_index reads the groups of an index from the front of `reader`, whose last group `last` ends
// the path. It does not check that the form is the shortest one.
uint64_t parse_index(FieldReader& reader, std::string_view* last) {
  std::string digits;
  std::string_view group = reader.field();
  for (; group.starts_with('x'); group = reader.field()) digits += group.substr(1);
  *last = group;
  digits += group.substr(0, 3);
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  uint64_t index = 0;
  reader.fail(digits.empty() || !parse_decimal(digits, &index));
  return index;
}

absl::Status not_a_path() { return absl::InvalidArgumentError("not the path of a tile"); }

}  // namespace

std::string TileName::path() const {
  const std::string folder = is_bundle ? "entries" : std::to_string(level);
  const std::string path = "tile/" + folder + "/" + index_path(index);
  return width == kTileWidth ? path : absl::StrCat(path, ".p/", width);
}

absl::StatusOr<TileName> TileName::parse(std::string_view path) {
  const std::string whole = std::string(path) + "/";
  FieldReader reader(whole, '/');
  TileName name;
  reader.expect("tile");
  const std::string_view folder = reader.field();
  uint64_t level = 0, width = kTileWidth;
  name.is_bundle = folder == "entries";
  if (!name.is_bundle) reader.fail(!parse_decimal(folder, &level) || level >= kTileLevels);
  std::string_view last;
  name.index = parse_index(reader, &last);
  if (last.ends_with(".p")) width = reader.number(1);
  if (!reader.at_end() || width > kTileWidth) return not_a_path();
  name.level = static_cast<uint32_t>(level);
  name.width = static_cast<uint32_t>(width);
  // Every name has one path.
  if (name.path() != path) return not_a_path();
  return name;
}

TileName tile_of(uint64_t size, uint32_t level, uint64_t index) {
  CHECK(level < kTileLevels, level);
  const uint64_t hashes = hashes_of(size, level);
  CHECK(index < hashes / kTileWidth + 1 && index * kTileWidth < hashes, size, level, index);
  const uint64_t width = std::min<uint64_t>(kTileWidth, hashes - index * kTileWidth);
  return {false, level, index, static_cast<uint32_t>(width)};
}

std::vector<TileName> new_tiles(uint64_t old_size, uint64_t size) {
  CHECK(old_size <= size, old_size, size);
  std::vector<TileName> names;
  for (uint32_t level = 0; level < kTileLevels; level++) {
    const uint64_t old_hashes = hashes_of(old_size, level), hashes = hashes_of(size, level);
    if (old_hashes == hashes) break;
    for (uint64_t index = old_hashes / kTileWidth; index * kTileWidth < hashes; index++) {
      names.push_back(tile_of(size, level, index));
      if (level != 0) continue;
      names.push_back(names.back());
      names.back().is_bundle = true;
    }
  }
  return names;
}

absl::StatusOr<std::string> make_tile(NodeSource& source, const TileName& name) {
  CHECK(!name.is_bundle && name.width <= kTileWidth, name.width);
  std::string bytes;
  for (uint32_t i = 0; i < name.width; i++) {
    const auto hash = source.node(kLevelBits * name.level, name.index * kTileWidth + i);
    if (!hash.ok()) return hash.status();
    bytes += view(*hash);
  }
  return bytes;
}

absl::StatusOr<std::vector<Hash>> parse_tile(std::string_view bytes, uint32_t width) {
  std::vector<Hash> hashes(width);
  ByteReader reader(bytes);
  for (Hash& hash : hashes) {
    std::string_view part;
    if (!reader.get_bytes(hash.size(), &part) || !to_hash(part, &hash))
      return absl::DataLossError("the tile is too short");
  }
  if (!reader.at_end()) return absl::DataLossError("the tile is too long");
  return hashes;
}

std::string make_bundle(absl::Span<const std::string> entries) {
  std::string bytes;
  for (const std::string& entry : entries) {
    CHECK(entry.size() <= kBundleEntryBytesMax, entry.size());
    put_u16(&bytes, static_cast<uint16_t>(entry.size()));
    bytes += entry;
  }
  return bytes;
}

absl::StatusOr<std::vector<std::string>> parse_bundle(std::string_view bytes, uint32_t width) {
  std::vector<std::string> entries;
  ByteReader reader(bytes);
  for (uint32_t i = 0; i < width; i++) {
    uint16_t size = 0;
    std::string_view entry;
    if (!reader.get_u16(&size) || !reader.get_bytes(size, &entry))
      return absl::DataLossError("the bundle is too short");
    entries.emplace_back(entry);
  }
  if (!reader.at_end()) return absl::DataLossError("the bundle is too long");
  return entries;
}

absl::StatusOr<Hash> TileSource::node(uint32_t level, uint64_t index) {
  const uint32_t height = level % kLevelBits;
  const uint64_t first = index << height, count = uint64_t{1} << height;
  const TileName name = tile_of(size_, level / kLevelBits, first / kTileWidth);
  CHECK(first % kTileWidth + count <= name.width, first, count, name.width);
  const auto bytes = reader_.read(name);
  if (!bytes.ok()) return bytes.status();
  const auto hashes = parse_tile(*bytes, name.width);
  if (!hashes.ok()) return hashes.status();
  CompactRange range;
  for (uint64_t i = 0; i < count; i++) range.append((*hashes)[first % kTileWidth + i]);
  return range.root();
}

}  // namespace gatetape
