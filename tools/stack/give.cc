#include "tools/stack/give.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/os/fd.h"

namespace gatetape::tools {
namespace {

struct CloseFolder {
  void operator()(DIR* listing) const { closedir(listing); }
};
using Listing = std::unique_ptr<DIR, CloseFolder>;

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

absl::Status failed(const std::string& path) {
  return absl::UnavailableError(path + ": " + std::strerror(errno));
}

// list_given changes the owner of an open folder and returns it as a listing. It closes the
// descriptor when it fails.
Listing list_given(int fd, uid_t from, const Owner& to) {
  struct stat info {};
  const bool ok =
      fd >= 0 && fstat(fd, &info) == 0 && (info.st_uid != from || fchown(fd, to.uid, to.gid) == 0);
  DIR* listing = ok ? fdopendir(fd) : nullptr;
  if (listing == nullptr && fd >= 0) ::close(fd);
  return Listing(listing);
}

// give_entry changes the owner of one entry, unless it is a folder. It returns true for a folder.
absl::StatusOr<bool> give_entry(int folder, const char* name, uid_t from, const Owner& to) {
  struct stat info {};
  if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return failed(name);
  if (S_ISDIR(info.st_mode)) return true;
  if (info.st_uid != from || info.st_nlink != 1) return false;
  if (fchownat(folder, name, to.uid, to.gid, AT_SYMLINK_NOFOLLOW) != 0) return failed(name);
  return false;
}

}  // namespace

absl::Status give_file(const std::string& path, const Owner& to) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (fd.get() < 0 || fstat(fd.get(), &info) != 0) return failed(path);
  if (!S_ISREG(info.st_mode) || info.st_nlink != 1)
    return absl::FailedPreconditionError(path + " is not a regular file with one name");
  return fchown(fd.get(), to.uid, to.gid) == 0 ? absl::OkStatus() : failed(path);
}

absl::Status give_folder(const std::string& path, const Owner& to, mode_t mode) {
  const Fd fd(open(path.c_str(), kFolderFlags));
  const bool ok =
      fd.get() >= 0 && fchown(fd.get(), to.uid, to.gid) == 0 && fchmod(fd.get(), mode) == 0;
  return ok ? absl::OkStatus() : failed(path);
}

absl::Status give_tree(const std::string& path, uid_t from, const Owner& to) {
  std::vector<Listing> open_folders;
  open_folders.push_back(list_given(open(path.c_str(), kFolderFlags), from, to));
  if (!open_folders.back()) return failed(path);
  while (!open_folders.empty()) {
    DIR* const listing = open_folders.back().get();
    const dirent* entry = readdir(listing);
    if (entry == nullptr) {
      open_folders.pop_back();
      continue;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const absl::StatusOr<bool> is_folder = give_entry(dirfd(listing), name.c_str(), from, to);
    if (!is_folder.ok()) return is_folder.status();
    if (!*is_folder) continue;
    Listing below = list_given(openat(dirfd(listing), name.c_str(), kFolderFlags), from, to);
    if (!below) return failed(path + "/.../" + name);
    open_folders.push_back(std::move(below));
  }
  return absl::OkStatus();
}

}  // namespace gatetape::tools
