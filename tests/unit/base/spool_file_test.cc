#include "base/os/spool_file.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace gatetape {
namespace {

TEST(SpoolFile, is_read_at_any_place_and_has_no_name) {
  const std::string folder = testing::TempDir() + "/spool_file";
  std::filesystem::create_directory(folder);
  auto file = SpoolFile::create(folder);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  ASSERT_TRUE(file->append("one").ok() && file->append("two").ok());
  EXPECT_EQ(file->size(), 6U);
  EXPECT_EQ(*file->read_at(2, 3), "etw");
  EXPECT_EQ(*file->read_at(6, 0), "");
  for (const auto& [offset, count] : {std::pair<uint64_t, size_t>{4, 3}, {7, 0}, {UINT64_MAX, 1}})
    EXPECT_EQ(file->read_at(offset, count).status().code(), absl::StatusCode::kOutOfRange);
  std::filesystem::remove(folder);
  EXPECT_EQ(SpoolFile::create(folder).status().code(), absl::StatusCode::kNotFound);
}

TEST(FileSource, reads_regular_files_alone) {
  EXPECT_EQ(FileSource::open("/none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FileSource::open("/dev/null").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FileSource::open("/").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gatetape
