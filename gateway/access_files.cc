#include "gateway/access_files.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/os/replace_file.h"
#include "base/toml.h"

namespace gatetape::gateway {
namespace {

// The first line of a copy: the hash of everything behind it, in hexadecimal.
constexpr std::string_view kHeadLine = "# The last good rules, sha256 ";

std::string kept_path(const std::string& path) {
  const char* const folder = std::getenv("STATE_DIRECTORY");
  const std::string name = std::filesystem::path(path).filename().string() + ".good";
  return (folder == nullptr ? std::filesystem::path(path).parent_path()
                            : std::filesystem::path(folder)) /
         name;
}

std::string head_line(std::string_view text) {
  return absl::StrCat(absl::string_view(kHeadLine.data(), kHeadLine.size()),
                      to_hex(view(sha256(text))), "\n");
}

// parse returns the rules of a text with their keys. A relative key_file is relative to the folder
// of `path`.
absl::StatusOr<Access> parse(const std::string& text, const std::string& path) {
  absl::StatusOr<Access> access = Access::parse(text, path);
  if (!access.ok()) return access;
  if (const absl::Status keys = access->read_keys(); !keys.ok())
    return absl::InvalidArgumentError(path + ": " + std::string(keys.message()));
  return access;
}

}  // namespace

AccessLoad load_access(const std::string& path) {
  const absl::StatusOr<std::string> text = read_whole_file(path);
  if (!text.ok()) return {{.path = path}, text.status()};
  return {{.path = path, .text = *text}, parse(*text, path)};
}

AccessLoad load_kept_access(const std::string& path) {
  const std::string kept = kept_path(path);
  absl::StatusOr<std::string> text = read_whole_file(kept);
  if (!text.ok()) return {{.path = kept, .is_fallback = true}, text.status()};
  const size_t head = std::min(text->find('\n') + 1, text->size());
  const std::string rules = text->substr(head);
  const bool is_ours = text->substr(0, head) == head_line(rules);
  return {{.path = kept, .text = rules, .is_fallback = true},
          is_ours ? parse(rules, path)
                  : absl::DataLossError(kept + " is not what the gateway wrote: its hash differs")};
}

absl::Status keep_access(const AccessLoad& load) {
  return replace_file(kept_path(load.path()), 0600, [&load](std::FILE* file) {
    const std::string text = head_line(load.text()) + load.text();
    return std::fwrite(text.data(), 1, text.size(), file) == text.size()
               ? absl::OkStatus()
               : absl::UnknownError("it cannot be written");
  });
}

}  // namespace gatetape::gateway
