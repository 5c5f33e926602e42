#include "base/os/replace_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/check.h"
#include "base/os/fd.h"

namespace gatetape {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

absl::Status failed(const std::string& path) {
  return absl::UnknownError("cannot write " + path + ": " + std::strerror(errno));
}

// sync flushes the stream and the file behind it; false when a byte was not written.
bool sync(std::FILE* file, mode_t mode) {
  return std::fflush(file) == 0 && std::ferror(file) == 0 && fchmod(fileno(file), mode) == 0 &&
         fsync(fileno(file)) == 0;
}

}  // namespace

absl::Status replace_file(const std::string& path, mode_t mode,
                          const std::function<absl::Status(std::FILE* file)>& write) {
  std::string part = path + ".XXXXXX";
  const int fd = mkostemp(part.data(), O_CLOEXEC);
  if (fd < 0) return failed(path);
  const File file(fdopen(fd, "wb"));
  CHECK(file != nullptr, errno);
  absl::Status status = write(file.get());
  if (status.ok() && !sync(file.get(), mode)) status = failed(path);
  if (status.ok() && rename(part.c_str(), path.c_str()) != 0) status = failed(path);
  if (!status.ok()) unlink(part.c_str());
  return status;
}

absl::Status sync_folder(const std::string& dir) {
  const Fd folder(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0) return failed(dir);
  return absl::OkStatus();
}

}  // namespace gatetape
