#include "gateway/checkpoint_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_split.h"
#include "base/os/replace_file.h"
#include "base/toml.h"

namespace gatetape::gateway {
namespace {

absl::Status bad_key(const std::string& file, const std::string& why) {
  return absl::InvalidArgumentError(file + ": " + why +
                                    " (`gatetape log key` prints the line of a log)");
}

absl::Status add_keys(const std::string& file, std::vector<VerifierKey>* keys) {
  const absl::StatusOr<std::string> text = read_whole_file(file);
  if (!text.ok()) return text.status();
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    const absl::StatusOr<VerifierKey> key =
        VerifierKey::from_text(std::string_view(line.data(), line.size()));
    if (!key.ok()) return bad_key(file, std::string(key.status().message()));
    if (key->type != NoteKeyType::kEd25519) return bad_key(file, "the key signs no checkpoints");
    if (!keys->empty() && keys->front().name != key->name)
      return bad_key(file, "the keys are of two logs");
    keys->push_back(*key);
  }
  return absl::OkStatus();
}

std::string folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

// write returns when the disk has the text and the name.
absl::Status write(const std::string& path, mode_t mode, const std::string& text) {
  absl::Status status = replace_file(path, mode, [&](std::FILE* file) {
    const bool is_whole = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    return is_whole ? absl::OkStatus() : absl::UnknownError(path + ": it cannot be written");
  });
  return status.ok() ? sync_folder(folder_of(path)) : status;
}

absl::Status remove_file(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return absl::UnavailableError(path + ": " + std::strerror(errno));
}

}  // namespace

absl::StatusOr<std::vector<VerifierKey>> load_log_keys(const std::vector<std::string>& files) {
  std::vector<VerifierKey> keys;
  for (const std::string& file : files)
    if (absl::Status added = add_keys(file, &keys); !added.ok()) return added;
  if (keys.empty()) return bad_key(files.front(), "the file has no key");
  return keys;
}

absl::StatusOr<std::string> CheckpointFiles::read_checkpoint() const {
  absl::StatusOr<std::string> text = read_whole_file(path_);
  if (absl::IsNotFound(text.status())) return std::string();
  return text;
}

absl::Status CheckpointFiles::write_checkpoint(const std::string& text) const {
  if (text.empty()) return remove_file(path_);
  // The folder is made here for a gateway that nobody made it for; a failure shows in the write.
  mkdir(folder_of(path_).c_str(), 0750);
  return write(path_, 0600, text);
}

absl::StatusOr<std::optional<Acceptance>> CheckpointFiles::read_acceptance() const {
  const absl::StatusOr<std::string> text = read_whole_file(acceptance_file(path_));
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  absl::StatusOr<Acceptance> acceptance = Acceptance::parse(*text);
  if (!acceptance.ok()) return acceptance.status();
  return *std::move(acceptance);
}

absl::Status CheckpointFiles::write_refusal(const std::string& line) const {
  return write(refusal_file(path_), 0644, line + "\n");
}

absl::Status CheckpointFiles::remove_others() const {
  absl::Status status = remove_file(acceptance_file(path_));
  status.Update(remove_file(refusal_file(path_)));
  return status;
}

}  // namespace gatetape::gateway
