#include "auditd/seal/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_split.h"
#include "base/os/fd.h"
#include "base/os/replace_file.h"

namespace gatetape::auditd {
namespace {

constexpr size_t kFileBytesMax = 1 << 20;  // 8 KiB for a tile, 77 KiB for a bundle
constexpr mode_t kFileMode = 0644;
constexpr mode_t kFolderMode = 0755;

absl::Status failed(const std::string& path) {
  return absl::UnavailableError(path + ": " + std::strerror(errno));
}

absl::Status make_folder(const std::string& path) {
  if (mkdir(path.c_str(), kFolderMode) == 0)
    return chmod(path.c_str(), kFolderMode) == 0 ? absl::OkStatus() : failed(path);
  return errno == EEXIST ? absl::OkStatus() : failed(path);
}

// write_all returns false, with errno, when a byte was not written.
bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// ends_in_line returns false when the machine stopped while the last bytes were appended.
bool ends_in_line(int fd) {
  struct stat info {};
  char last = '\n';
  if (fstat(fd, &info) != 0 || info.st_size == 0) return true;
  return pread(fd, &last, 1, info.st_size - 1) != 1 || last == '\n';
}

}  // namespace

absl::StatusOr<std::optional<std::string>> read_if_there(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd.get() < 0 && errno == ENOENT) return std::optional<std::string>();
  if (fd.get() < 0) return failed(path);
  std::string bytes;
  char buffer[16384];
  while (true) {
    const ssize_t got = read(fd.get(), buffer, sizeof buffer);
    if (got == 0) return std::optional<std::string>(std::move(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path);
    bytes.append(buffer, static_cast<size_t>(got));
    if (bytes.size() > kFileBytesMax) return absl::ResourceExhaustedError(path + " is too long");
  }
}

absl::Status make_folders(const Folders& folders) {
  std::string path = folders.base;
  if (absl::Status status = make_folder(path); !status.ok()) return status;
  const std::vector<std::string> parts = absl::StrSplit(folders.below, '/', absl::SkipEmpty());
  for (const std::string& part : parts) {
    const std::string above = path;
    path += "/" + part;
    if (access(path.c_str(), F_OK) == 0) continue;
    if (absl::Status status = make_folder(path); !status.ok()) return status;
    if (absl::Status status = sync_folder(above); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status write_public(const PublicFile& file) {
  const absl::Status status = replace_file(file.path, kFileMode, [&file](std::FILE* out) {
    std::fwrite(file.bytes.data(), 1, file.bytes.size(), out);  // replace_file sees a failure
    return absl::OkStatus();
  });
  return status.ok() ? status : absl::UnavailableError(status.message());
}

absl::Status append_public(const PublicFile& file) {
  const Fd fd(
      open(file.path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (fd.get() < 0) return failed(file.path);
  const std::string bytes = ends_in_line(fd.get()) ? file.bytes : "\n" + file.bytes;
  // An append-only file (chattr +a) refuses fchmod, and has its mode already.
  fchmod(fd.get(), kFileMode);
  if (!write_all(fd.get(), bytes) || fdatasync(fd.get()) != 0) return failed(file.path);
  return absl::OkStatus();
}

absl::Status sync_folder(const std::string& folder) {
  const Fd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd.get() >= 0 && fsync(fd.get()) == 0 ? absl::OkStatus() : failed(folder);
}

absl::Status remove_file(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed(path);
  return sync_folder(std::filesystem::path(path).parent_path().string());
}

}  // namespace gatetape::auditd
