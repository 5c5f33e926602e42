// TomlTable: a typed view of one TOML table, and the only user of toml++. A caller asks for each
// key, and the table writes its value into a typed variable and remembers the first error with its
// line. A key that the caller did not ask for is an error too. One thread.
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

// TomlRange limits a number; both ends are included.
struct TomlRange {
  uint64_t least = 0;
  uint64_t most = 0;
};

class TomlTable {
 public:
  // parse reads the text of a whole file. `path` appears in messages only. It fails with
  // INVALID_ARGUMENT "path:line: what" when the text is not TOML 1.0.
  static absl::StatusOr<TomlTable> parse(std::string_view text, const std::string& path);

  // get writes the value of the key to *value, and leaves *value unchanged when the key is missing.
  // A text that holds a NUL is an error.
  void get(std::string_view key, std::string* value);
  void get(std::string_view key, bool* value);
  void get(std::string_view key, uint32_t* value, TomlRange range);
  void get(std::string_view key, uint64_t* value, TomlRange range);
  void get(std::string_view key, std::vector<std::string>* value);
  void get(std::string_view key, std::map<std::string, std::string>* value);
  // table returns the table of a key, or an empty table when the key is missing. The caller must
  // call finish on it too.
  TomlTable table(std::string_view key);
  // tables returns the tables of an array `[[key]]` in their order. The caller must call finish on
  // each of them too.
  std::vector<TomlTable> tables(std::string_view key);

  // has returns true when the table holds the key.
  bool has(std::string_view key) const;
  // line returns the line where the table starts or, with a key, the line of that key's value.
  int line() const;
  int line(std::string_view key) const;
  // error returns INVALID_ARGUMENT "path:line: what".
  absl::Status error(int line, std::string_view what) const;
  // finish returns the first error of any get, or an error for a key that no get asked for.
  absl::Status finish();

 private:
  struct State;
  explicit TomlTable(std::shared_ptr<State> state) : state_(std::move(state)) {}
  template <typename Int>
  void get_number(std::string_view key, Int* value, TomlRange range);
  std::shared_ptr<State> state_;  // copies of this table share it, on one thread
};

// read_whole_file reads a file. It fails with PERMISSION_DENIED when this process may not read the
// file, NOT_FOUND when the file cannot be opened for another reason, and RESOURCE_EXHAUSTED when
// the file is larger than 16 MiB.
absl::StatusOr<std::string> read_whole_file(const std::string& path);

}  // namespace gatetape
