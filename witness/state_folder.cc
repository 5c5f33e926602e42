#include "witness/state_folder.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/os/replace_file.h"
#include "base/toml.h"
#include "log/checkpoint.h"

namespace gatetape::witness {
namespace {

constexpr char kLock[] = "lock";
constexpr size_t kNameSize = 64;  // of SHA-256 in hexadecimal

std::string hex_hash(std::string_view bytes) { return to_hex(view(sha256(bytes))); }

// is_unfinished returns true for the name of a file that replace_file had not renamed yet.
bool is_unfinished(const std::string& name) {
  return name.size() == kNameSize + 7 && name[kNameSize] == '.';
}

absl::Status damaged(const std::string& path, const std::string& what) {
  return absl::DataLossError(absl::StrCat(
      path, " ", what,
      "; restore it from a copy: a witness that forgets a checkpoint lets the log roll back"));
}

// parse returns the checkpoint of a file.
absl::StatusOr<KeptCheckpoint> parse(const std::string& text) {
  const size_t end = text.find('\n');
  const std::string note = end == std::string::npos ? "" : text.substr(end + 1);
  if (text.substr(0, end) != hex_hash(note))
    return absl::DataLossError("is damaged: its bytes do not have the SHA-256 of its first line");
  const auto parsed = SignedNote::parse(note);
  if (!parsed.ok()) return parsed.status();
  const auto checkpoint = Checkpoint::parse(parsed->text);
  if (!checkpoint.ok()) return checkpoint.status();
  return KeptCheckpoint{checkpoint->origin, note};
}

absl::StatusOr<KeptCheckpoint> read_file(const std::filesystem::path& path) {
  const absl::StatusOr<std::string> text = read_whole_file(path.string());
  if (!text.ok()) return text.status();
  absl::StatusOr<KeptCheckpoint> kept = parse(*text);
  if (!kept.ok()) return damaged(path.string(), std::string(kept.status().message()));
  if (hex_hash(kept->origin) != path.filename().string())
    return damaged(path.string(), absl::StrCat("is not the file of ", printable(kept->origin)));
  return kept;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateFolder>> StateFolder::open(const std::string& dir) {
  const std::string path = absl::StrCat(dir, "/", kLock);
  Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0)
    return absl::NotFoundError(absl::StrCat("state_dir ", dir,
                                            " cannot be used: ", std::strerror(errno),
                                            "; make the folder for the account of the witness"));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return absl::AlreadyExistsError(
        absl::StrCat("another witness uses state_dir ", dir, ": stop it first"));
  return std::unique_ptr<StateFolder>(new StateFolder(dir, std::move(lock)));
}

absl::StatusOr<std::vector<KeptCheckpoint>> StateFolder::read_all() const {
  std::vector<KeptCheckpoint> all;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir_, error)) {
    const std::string name = entry.path().filename().string();
    if (name == kLock) continue;
    if (is_unfinished(name)) {
      std::filesystem::remove(entry.path(), error);
      continue;
    }
    absl::StatusOr<KeptCheckpoint> kept = read_file(entry.path());
    if (!kept.ok()) return kept.status();
    all.push_back(*std::move(kept));
  }
  if (error) return absl::UnknownError(absl::StrCat("cannot read ", dir_, ": ", error.message()));
  return all;
}

absl::Status StateFolder::keep(const std::string& origin, const std::string& note) {
  const std::string text = absl::StrCat(hex_hash(note), "\n", note);
  const absl::Status written =
      replace_file(absl::StrCat(dir_, "/", hex_hash(origin)), 0600, [&text](std::FILE* file) {
        return std::fwrite(text.data(), 1, text.size(), file) == text.size()
                   ? absl::OkStatus()
                   : absl::UnknownError("the disk is full");
      });
  return written.ok() ? sync_folder(dir_) : written;
}

}  // namespace gatetape::witness
