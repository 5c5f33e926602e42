#include "base/toml.h"

#include <toml++/toml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"

namespace gatetape {
namespace {

// Largest file that is read, in bytes. A larger file is rejected. Configuration files are a
// thousand times smaller; the limit keeps a wrong path from filling the memory.
constexpr size_t kFileBytesMax = 16 << 20;

const toml::node* find(const toml::table* table, std::string_view key) {
  return table == nullptr ? nullptr : table->get(key);
}

int line_of(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

absl::Status error_at(const std::string& path, int line, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ":", line, ": ", std::string(what)));
}

}  // namespace

struct TomlTable::State {
  std::shared_ptr<const toml::table> root;  // the whole file; kept alive by each of its tables
  const toml::table* table = nullptr;
  std::string path;
  std::set<std::string, std::less<>> asked;
  absl::Status status;

  const toml::node* ask(std::string_view key) {
    asked.emplace(key);
    return find(table, key);
  }
  // text returns a node's text. A text that holds a NUL is an error, because no path and no name
  // can hold one.
  std::optional<std::string> text(const toml::node& node, std::string_view key,
                                  std::string_view wrong) {
    std::optional<std::string> text = node.value_exact<std::string>();
    if (!text) fail(node, key, wrong);
    if (!text || text->find('\0') == std::string::npos) return text;
    fail(node, key, "must not hold a NUL");
    return std::nullopt;
  }
  void fail(const toml::node& node, std::string_view key, std::string_view what) {
    if (status.ok())
      status = error_at(path, line_of(node),
                        absl::StrCat("`", std::string(key), "` ", std::string(what)));
  }
};

absl::StatusOr<TomlTable> TomlTable::parse(std::string_view text, const std::string& path) {
  auto state = std::make_shared<State>();
  try {
    state->root = std::make_shared<const toml::table>(toml::parse(text, path));
  } catch (const toml::parse_error& error) {
    return error_at(path, static_cast<int>(error.source().begin.line),
                    printable(error.description()));
  }
  state->table = state->root.get();
  state->path = path;
  return TomlTable(std::move(state));
}

void TomlTable::get(std::string_view key, std::string* value) {
  const toml::node* node = state_->ask(key);
  if (node == nullptr) return;
  if (auto text = state_->text(*node, key, "must be a string in quotes")) *value = *std::move(text);
}

void TomlTable::get(std::string_view key, bool* value) {
  const toml::node* node = state_->ask(key);
  if (node == nullptr) return;
  const auto truth = node->value_exact<bool>();
  if (!truth) return state_->fail(*node, key, "must be true or false");
  *value = *truth;
}

template <typename Int>
void TomlTable::get_number(std::string_view key, Int* value, TomlRange range) {
  const toml::node* node = state_->ask(key);
  if (node == nullptr) return;
  const auto number = node->value_exact<int64_t>();
  if (!number) return state_->fail(*node, key, "must be a whole number");
  if (*number < 0 || static_cast<uint64_t>(*number) < range.least ||
      static_cast<uint64_t>(*number) > range.most) {
    return state_->fail(*node, key, absl::StrCat("must be from ", range.least, " to ", range.most));
  }
  *value = static_cast<Int>(*number);
}

void TomlTable::get(std::string_view key, uint32_t* value, TomlRange range) {
  get_number(key, value, range);
}

void TomlTable::get(std::string_view key, uint64_t* value, TomlRange range) {
  get_number(key, value, range);
}

void TomlTable::get(std::string_view key, std::vector<std::string>* value) {
  const toml::node* node = state_->ask(key);
  if (node == nullptr) return;
  if (!node->is_array()) return state_->fail(*node, key, "must be a list of strings");
  value->clear();
  for (const toml::node& item : *node->as_array()) {
    auto text = state_->text(item, key, "must hold only strings in quotes");
    if (!text) return;
    value->push_back(*std::move(text));
  }
}

void TomlTable::get(std::string_view key, std::map<std::string, std::string>* value) {
  const toml::node* node = state_->ask(key);
  if (node == nullptr) return;
  if (!node->is_table()) return state_->fail(*node, key, "must be a table { name = \"text\" }");
  value->clear();
  for (const auto& item : *node->as_table()) {
    auto text = state_->text(item.second, key, "must hold only strings in quotes");
    if (!text) return;
    (*value)[std::string(item.first.str())] = *std::move(text);
  }
}

TomlTable TomlTable::table(std::string_view key) {
  const toml::node* node = state_->ask(key);
  auto state = std::make_shared<State>();
  state->root = state_->root;
  state->path = state_->path;
  if (node != nullptr && !node->is_table()) state_->fail(*node, key, "must be a table [...]");
  if (node != nullptr) state->table = node->as_table();
  return TomlTable(std::move(state));
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
  std::vector<TomlTable> all;
  const toml::node* node = state_->ask(key);
  if (node == nullptr) return all;
  const toml::array* array = node->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
    state_->fail(*node, key, absl::StrCat("must be tables [[", std::string(key), "]]"));
    return all;
  }
  for (const toml::node& item : *array) {
    auto state = std::make_shared<State>();
    state->root = state_->root;
    state->path = state_->path;
    state->table = item.as_table();
    all.push_back(TomlTable(std::move(state)));
  }
  return all;
}

bool TomlTable::has(std::string_view key) const { return find(state_->table, key) != nullptr; }

int TomlTable::line() const { return state_->table == nullptr ? 1 : line_of(*state_->table); }

int TomlTable::line(std::string_view key) const {
  const toml::node* node = find(state_->table, key);
  return node == nullptr ? line() : line_of(*node);
}

absl::Status TomlTable::error(int line, std::string_view what) const {
  return error_at(state_->path, line, what);
}

absl::Status TomlTable::finish() {
  if (!state_->status.ok() || state_->table == nullptr) return state_->status;
  for (const auto& item : *state_->table) {
    if (state_->asked.count(item.first.str()) != 0) continue;
    return error_at(
        state_->path, static_cast<int>(item.first.source().begin.line),
        absl::StrCat("unknown key `", printable(item.first.str()), "`; correct or remove it"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> read_whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file && errno == EACCES)
    return absl::PermissionDeniedError(path + ": " + std::strerror(errno));
  if (!file) return absl::NotFoundError(path + ": " + std::strerror(errno));
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return absl::UnavailableError(path + ": cannot be read");
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kFileBytesMax)
    return absl::ResourceExhaustedError(path + ": the file is larger than 16 MiB");
  return text;
}

}  // namespace gatetape
