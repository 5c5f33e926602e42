// TomlTable: the one door to toml++: reads a table key by key, each into a typed variable, and
// keeps the first error with its line. What nobody asked for is an error too. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatetape {

// TomlRange bounds a number, both ends included.
struct TomlRange {
  uint64_t least = 0;
  uint64_t most = 0;
};

class TomlTable {
 public:
  // parse takes the text of a whole file; `path` is only for messages. INVALID_ARGUMENT
  // "path:line: what" when it is no TOML 1.0.
  static absl::StatusOr<TomlTable> parse(std::string_view text, const std::string& path);

  // get fills *value when the key is there, and leaves it alone when it is not. A text with a NUL
  // is an error.
  void get(std::string_view key, std::string* value);
  void get(std::string_view key, uint32_t* value, TomlRange range);
  void get(std::string_view key, uint64_t* value, TomlRange range);
  void get(std::string_view key, std::vector<std::string>* value);
  void get(std::string_view key, std::map<std::string, std::string>* value);
  // table gives the table of a key, an empty one when it is not there. Finish it too.
  TomlTable table(std::string_view key);
  // tables gives the tables of an array `[[key]]`, in order. Finish each of them too.
  std::vector<TomlTable> tables(std::string_view key);

  bool has(std::string_view key) const;
  // line is where the table starts; with a key, where that key's value is.
  int line() const;
  int line(std::string_view key) const;
  // error makes INVALID_ARGUMENT "path:line: what".
  absl::Status error(int line, std::string_view what) const;
  // finish gives the first error of any get, or of a key that nobody asked for.
  absl::Status finish();

 private:
  struct State;
  explicit TomlTable(std::shared_ptr<State> state) : state_(std::move(state)) {}
  template <typename Int>
  void get_number(std::string_view key, Int* value, TomlRange range);
  std::shared_ptr<State> state_;  // of this table alone; shared by copies in one thread
};

// read_whole_file gives a file's bytes; PERMISSION_DENIED when we may not read it, NOT_FOUND when
// it cannot be opened for another reason, RESOURCE_EXHAUSTED past 16 MiB.
absl::StatusOr<std::string> read_whole_file(const std::string& path);

}  // namespace gatetape
