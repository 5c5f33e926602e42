#include "tools/cli/mirror_folder.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/os/replace_file.h"
#include "base/toml.h"

namespace gatetape::tools {
namespace {

constexpr char kNewest[] = "newest";
constexpr char kFirstOfFork[] = "fork-1";
constexpr char kSecondOfFork[] = "fork-2";

// is_there returns false only when there certainly is no such file.
bool is_there(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error) || error;
}

}  // namespace

absl::Status MirrorFolder::create() const {
  std::error_code error;
  std::filesystem::create_directories(path("days"), error);
  if (error) return absl::UnknownError(absl::StrCat("cannot make ", dir_, ": ", error.message()));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> MirrorFolder::newest() const {
  absl::StatusOr<std::string> text = read_whole_file(path(kNewest));
  if (text.ok()) return std::optional<std::string>(*std::move(text));
  if (absl::IsNotFound(text.status()) && !is_there(path(kNewest)))
    return std::optional<std::string>();
  return text.status();
}

absl::Status MirrorFolder::keep(const std::string& note) const { return write(kNewest, note); }

absl::Status MirrorFolder::keep_day(const std::string& day, const std::string& note) const {
  const std::string name = "days/" + day;
  return is_there(path(name)) ? absl::OkStatus() : write(name, note);
}

absl::Status MirrorFolder::keep_fork(const std::string& kept, const std::string& found) const {
  if (has_fork()) return absl::OkStatus();
  // The second file is written first: has_fork returns true only when both are there.
  const absl::Status status = write(kSecondOfFork, found);
  return status.ok() ? write(kFirstOfFork, kept) : status;
}

bool MirrorFolder::has_fork() const { return is_there(path(kFirstOfFork)); }

absl::Status MirrorFolder::write(const std::string& name, const std::string& text) const {
  const std::string file_path = path(name);
  const absl::Status written = replace_file(file_path, 0644, [&](std::FILE* file) {
    return std::fwrite(text.data(), 1, text.size(), file) == text.size()
               ? absl::OkStatus()
               : absl::UnknownError(absl::StrCat("cannot write ", file_path));
  });
  return written.ok() ? sync_folder(std::filesystem::path(file_path).parent_path().string())
                      : written;
}

}  // namespace gatetape::tools
