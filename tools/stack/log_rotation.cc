#include "tools/stack/log_rotation.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/os/fd.h"

namespace gatetape::tools {
namespace {

absl::Status failed(const std::string& path) {
  return absl::UnavailableError(path + ": " + std::strerror(errno));
}

std::string copy_name(const std::string& path, int number) {
  return path + "." + std::to_string(number);
}

// copy copies from the position of `from` to its end, also what is written meanwhile.
absl::Status copy(const Fd& from, const std::string& to) {
  unlink(to.c_str());
  const Fd out(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640));
  if (out.get() < 0) return failed(to);
  constexpr size_t kPieceBytes = 1 << 20;
  ssize_t copied = 0;
  while ((copied = sendfile(out.get(), from.get(), nullptr, kPieceBytes)) > 0) {
  }
  return copied == 0 ? absl::OkStatus() : failed(to);
}

}  // namespace

absl::Status rotate_log(const std::string& path, const LogLimits& limits) {
  const Fd log(open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (log.get() < 0 && errno == ENOENT) return absl::OkStatus();
  if (log.get() < 0 || fstat(log.get(), &info) != 0) return failed(path);
  if (info.st_size < limits.bytes_max) return absl::OkStatus();
  for (int number = limits.kept - 1; number > 0; number--)
    std::rename(copy_name(path, number).c_str(), copy_name(path, number + 1).c_str());
  const absl::Status copied = copy(log, copy_name(path, 1));
  if (ftruncate(log.get(), 0) != 0) return failed(path);
  return copied;
}

}  // namespace gatetape::tools
