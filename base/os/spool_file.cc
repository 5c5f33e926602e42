#include "base/os/spool_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace gatetape {
namespace {

absl::Status failed(const char* what, const std::string& path) {
  const std::string text = std::string(what) + path + ": " + std::strerror(errno);
  if (errno == ENOENT) return absl::NotFoundError(text);
  if (errno == EACCES) return absl::PermissionDeniedError(text);
  if (errno == ENOSPC || errno == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::UnknownError(text);
}

}  // namespace

absl::StatusOr<FileSource> FileSource::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (fd.get() < 0 || fstat(fd.get(), &info) != 0) return failed("cannot read ", path);
  if (!S_ISREG(info.st_mode))
    return absl::InvalidArgumentError("cannot read " + path + ": it is not a regular file");
  return FileSource(std::move(fd), static_cast<uint64_t>(info.st_size), path);
}

absl::StatusOr<std::string> FileSource::read_at(uint64_t offset, size_t count) const {
  if (offset > size_ || count > size_ - offset)
    return absl::OutOfRangeError(path_ + " ends too early");
  std::string bytes(count, '\0');
  for (size_t got = 0; got < count;) {
    const ssize_t part =
        pread(fd_.get(), bytes.data() + got, count - got, static_cast<off_t>(offset + got));
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return failed("cannot read ", path_);
    if (part == 0) return absl::OutOfRangeError(path_ + " ends too early");
    got += static_cast<size_t>(part);
  }
  return bytes;
}

absl::StatusOr<SpoolFile> SpoolFile::create(const std::string& folder) {
  std::string path = folder + "/.gatetape.XXXXXX";
  Fd fd(mkostemp(path.data(), O_CLOEXEC));
  if (fd.get() < 0) return failed("cannot write in ", folder);
  unlink(path.c_str());
  return SpoolFile(std::move(fd), folder);
}

absl::Status SpoolFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t part = pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return failed("cannot write in ", path_);
    size_ += static_cast<uint64_t>(part);
    bytes.remove_prefix(static_cast<size_t>(part));
  }
  return absl::OkStatus();
}

}  // namespace gatetape
