#include "base/os/disk.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace gatetape {
namespace {

TEST(Disk, room_is_told_once_a_volume) {
  const std::filesystem::path dir =
      std::filesystem::temp_directory_path() / ("gatetape_disk_" + std::to_string(getpid()));
  std::filesystem::create_directories(dir / "pg");
  const std::vector<DiskRoom> rooms = disk_rooms(dir.string());
  ASSERT_EQ(rooms.size(), 1);
  EXPECT_EQ(rooms[0].path, dir.string());
  std::filesystem::remove_all(dir);
}

TEST(Disk, what_is_not_there_is_left_out) {
  EXPECT_TRUE(disk_rooms("/nonexistent/gatetape").empty());
}

TEST(Disk, less_than_two_gib_are_low) {
  EXPECT_FALSE((DiskRoom{"", uint64_t{2} << 30}.is_low()));
  EXPECT_TRUE((DiskRoom{"", (uint64_t{2} << 30) - 1}.is_low()));
}

}  // namespace
}  // namespace gatetape
