#include "log/tile.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/memory_tree.h"

namespace gatetape {
namespace {

// Folder holds the files of a published log. It publishes sizes in turn, as auditd does.
class Folder : public TileReader {
 public:
  void publish(MemoryTree& tree, uint64_t old_size, uint64_t size) {
    for (const TileName& name : new_tiles(old_size, size)) {
      if (name.is_bundle) {
        std::vector<std::string> entries;
        for (uint64_t i = 0; i < name.width; i++)
          entries.push_back("entry " + std::to_string(name.index * kTileWidth + i));
        files[name.path()] = make_bundle(entries);
      } else {
        files[name.path()] = *make_tile(tree, name);
      }
    }
  }
  absl::StatusOr<std::string> read(const TileName& name) override {
    const auto file = files.find(name.path());
    if (file == files.end()) return absl::NotFoundError(name.path());
    return file->second;
  }

  std::map<std::string, std::string> files;
};

std::vector<std::string> paths_of(uint64_t old_size, uint64_t size) {
  std::vector<std::string> paths;
  for (const TileName& name : new_tiles(old_size, size)) paths.push_back(name.path());
  return paths;
}

TEST(Tile, paths_are_those_of_c2sp) {
  const std::vector<std::pair<TileName, const char*>> rows = {
      {{false, 0, 1234067, 256}, "tile/0/x001/x234/067"},
      {{false, 0, 0, 256}, "tile/0/000"},
      {{false, 7, 5, 1}, "tile/7/005.p/1"},
      {{false, 1, 999, 255}, "tile/1/999.p/255"},
      {{true, 0, 1000, 112}, "tile/entries/x001/000.p/112"},
      {{true, 0, 1000000, 256}, "tile/entries/x001/x000/000"},
      {{true, 0, INT64_MAX, 256}, "tile/entries/x009/x223/x372/x036/x854/x775/807"},
  };
  for (const auto& [name, path] : rows) {
    EXPECT_EQ(name.path(), path);
    const auto parsed = TileName::parse(path);
    ASSERT_TRUE(parsed.ok()) << path;
    EXPECT_EQ(*parsed, name) << path;
  }
}

TEST(Tile, other_paths_are_refused) {
  for (const char* bad : {"",
                          "tile",
                          "tile/0",
                          "tile/0/",
                          "tile/0/0",
                          "tile/0/00",
                          "tile/0/0000",
                          "tile/0/x000/000",
                          "tile/0/x001",
                          "tile/0/001/000",
                          "tile/0/x01/000",
                          "tile/0/xx01/000",
                          "tile/0/00x",
                          "tile/00/000",
                          "tile/8/000",
                          "tile/-1/000",
                          "tile/Entries/000",
                          "tile/0/000.p",
                          "tile/0/000.p/",
                          "tile/0/000.p/0",
                          "tile/0/000.p/01",
                          "tile/0/000.p/256",
                          "tile/0/000.q/1",
                          "tile/0/000.p/1/",
                          "tile/0/000/1",
                          "/tile/0/000",
                          "tile/0/../000",
                          "tile/0/x../000",
                          "tile/0/x999/x999/x999/x999/x999/x999/x999/999"})
    EXPECT_EQ(TileName::parse(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
}

TEST(Tile, a_tree_has_the_tiles_of_the_example_of_c2sp) {
  size_t full[3] = {}, bundles = 0;
  std::vector<std::string> partial;
  for (const TileName& name : new_tiles(0, 70000)) {
    if (name.is_bundle) bundles++;
    if (!name.is_bundle && name.width < kTileWidth) partial.push_back(name.path());
    if (!name.is_bundle && name.width == kTileWidth) full[name.level]++;
  }
  EXPECT_EQ(full[0], 273U);
  EXPECT_EQ(full[1], 1U);
  EXPECT_EQ(full[2], 0U);
  EXPECT_EQ(bundles, 274U);
  EXPECT_EQ(partial,
            (std::vector<std::string>{"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"}));
}

TEST(Tile, only_what_is_new_is_written) {
  using Paths = std::vector<std::string>;
  EXPECT_EQ(paths_of(0, 0), Paths());
  EXPECT_EQ(paths_of(5, 5), Paths());
  EXPECT_EQ(paths_of(0, 1), (Paths{"tile/0/000.p/1", "tile/entries/000.p/1"}));
  EXPECT_EQ(paths_of(255, 256), (Paths{"tile/0/000", "tile/entries/000", "tile/1/000.p/1"}));
  EXPECT_EQ(paths_of(256, 257), (Paths{"tile/0/001.p/1", "tile/entries/001.p/1"}));
  EXPECT_EQ(paths_of(65535, 65536),
            (Paths{"tile/0/255", "tile/entries/255", "tile/1/000", "tile/2/000.p/1"}));
}

TEST(Tile, proofs_from_tiles_are_those_of_the_tree) {
  MemoryTree tree = MemoryTree::of_size(70000);
  Folder folder;
  uint64_t last = 0;
  for (const uint64_t size : {1U, 2U, 255U, 256U, 257U, 1000U, 65535U, 65536U, 65537U, 70000U}) {
    folder.publish(tree, last, size);
    TileSource source(folder, size);
    EXPECT_EQ(*tree_root(source, size), tree.head(size).root) << size;
    for (const uint64_t at : {uint64_t{0}, size / 2, size - 1}) {
      EXPECT_EQ(*inclusion_proof(source, at, size), *inclusion_proof(tree, at, size));
      EXPECT_EQ(*consistency_proof(source, at, size), *consistency_proof(tree, at, size));
    }
    last = size;
  }
}

TEST(Tile, damaged_tiles_are_refused_or_do_not_verify) {
  MemoryTree tree = MemoryTree::of_size(300);
  Folder folder;
  folder.publish(tree, 0, 300);
  TileSource source(folder, 300);
  std::string& file = folder.files["tile/0/001.p/44"];
  file[9] = static_cast<char>(file[9] ^ 1);
  const auto proof = inclusion_proof(source, 270, 300);
  ASSERT_TRUE(proof.ok());
  EXPECT_FALSE(verify_inclusion(tree.leaf(270), 270, tree.head(), *proof).ok());
  file += 'x';
  EXPECT_EQ(inclusion_proof(source, 270, 300).status().code(), absl::StatusCode::kDataLoss);
  file.resize(43 * 32);
  EXPECT_EQ(inclusion_proof(source, 270, 300).status().code(), absl::StatusCode::kDataLoss);
  folder.files.erase("tile/0/001.p/44");
  EXPECT_EQ(inclusion_proof(source, 270, 300).status().code(), absl::StatusCode::kNotFound);
}

TEST(Tile, a_store_that_fails_fails_the_tile) {
  MemoryTree tree = MemoryTree::of_size(300);
  tree.broken_level = 8;
  EXPECT_TRUE(make_tile(tree, tile_of(300, 0, 1)).ok());
  EXPECT_EQ(make_tile(tree, tile_of(300, 1, 0)).status().code(), absl::StatusCode::kUnavailable);
}

TEST(Tile, a_bundle_holds_its_entries_exactly) {
  const std::vector<std::string> entries = {"", "a", std::string(kBundleEntryBytesMax, 'x')};
  const std::string bytes = make_bundle(entries);
  EXPECT_EQ(bytes.substr(0, 6), std::string("\0\0\0\1a\xff", 6));
  EXPECT_EQ(*parse_bundle(bytes, 3), entries);
  EXPECT_FALSE(parse_bundle(bytes, 2).ok());
  EXPECT_FALSE(parse_bundle(bytes, 4).ok());
  for (const size_t size : {0UL, 1UL, 3UL, bytes.size() - 1})
    EXPECT_EQ(parse_bundle(bytes.substr(0, size), 3).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(parse_bundle("", 0).ok());
}

}  // namespace
}  // namespace gatetape
