#include "formats/transfer_command.h"

#include <algorithm>
#include <array>
#include <vector>

namespace gatetape {
namespace {

using Words = std::vector<std::string_view>;

// Words that are looked at, at the beginning of a command. The programs put their options there.
constexpr size_t kWordsMax = 32;

Words words_of(std::string_view command) {
  constexpr std::string_view kSpaces = " \t\n";
  Words words;
  while (words.size() < kWordsMax) {
    command.remove_prefix(std::min(command.find_first_not_of(kSpaces), command.size()));
    if (command.empty()) break;
    words.push_back(command.substr(0, command.find_first_of(kSpaces)));
    command.remove_prefix(words.back().size());
  }
  return words;
}

// is_prefix returns true for a word that stands before the program: another program that runs it,
// an option of that one, or a variable of the environment.
bool is_prefix(std::string_view word) {
  constexpr std::array<std::string_view, 6> kRunners = {"sudo", "doas",   "env",
                                                        "nice", "ionice", "exec"};
  return word.starts_with('-') || word.find('=') != std::string_view::npos ||
         std::find(kRunners.begin(), kRunners.end(), word) != kRunners.end();
}

// base_name returns a word without quotes and without the folder in front.
std::string_view base_name(std::string_view word) {
  const auto is_quote = [](char c) { return c == '\'' || c == '"'; };
  while (!word.empty() && is_quote(word.front())) word.remove_prefix(1);
  while (!word.empty() && is_quote(word.back())) word.remove_suffix(1);
  return word.substr(word.rfind('/') + 1);
}

bool is_git_service(std::string_view word) {
  return word == "upload-pack" || word == "receive-pack" || word == "upload-archive";
}

}  // namespace

std::string_view transfer_program(std::string_view command) {
  const Words words = words_of(command);
  const auto first = std::find_if_not(words.begin(), words.end(), is_prefix);
  if (first == words.end()) return {};
  const auto has = [&](std::string_view option) {
    return std::find(first, words.end(), option) != words.end();
  };
  const std::string_view program = base_name(*first);
  if (program == "sftp-server") return "sftp";
  if (program == "scp" && (has("-t") || has("-f"))) return "scp";
  if (program == "rsync" && has("--server")) return "rsync";
  if (program == "git" && first + 1 != words.end() && is_git_service(first[1])) return "git";
  if (program.starts_with("git-") && is_git_service(program.substr(4))) return "git";
  return {};
}

}  // namespace gatetape
