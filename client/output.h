// Output: rows to standard output as a table, JSON, JSON lines or CSV. The same rows and names in
// each. Main thread.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace gatetape {

using Json = nlohmann::ordered_json;

// Cell is one value of a row: `value` for programs, `text` for people. Both are printable already.
struct Cell {
  Json value;
  std::string text;
  const char* color = nullptr;  // an SGR parameter: "31"; used in a table on a terminal alone

  // of_text escapes what comes from outside; an empty text is "-" in a table.
  static Cell of_text(std::string_view raw);
  static Cell of_number(uint64_t number);
};

struct Column {
  std::string name;            // the JSON key and CSV heading
  bool in_table = true;        // machines get all columns, people those that fit a screen
  bool right_aligned = false;  // numbers
  std::string heading = {};    // of the table, when it is not the name in capitals
};

class Output {
 public:
  // check_format takes the format: table, json, jsonl or csv; INVALID_ARGUMENT for another.
  static absl::Status check_format(const std::string& format);
  Output(std::string format, std::vector<Column> columns, bool color, std::FILE* file = stdout);

  // add takes one cell a column. A table's widths come from its first thousand rows.
  void add(std::vector<Cell> row);
  // finish ends it; OK when all of it was written.
  absl::Status finish();

 private:
  void add_to_table();
  void write_table_row(const std::vector<Cell>& row);
  Json as_json(const std::vector<Cell>& row) const;
  void write(const std::string& text);

  const std::string format_;
  const std::vector<Column> columns_;
  const bool color_;
  std::FILE* const file_;
  std::vector<std::vector<Cell>> waiting_;  // table rows before the widths are known
  std::vector<size_t> widths_;
  bool any_ = false;
};

// as_ascii gives the JSON text with everything else escaped: a terminal obeys some characters
// beyond ASCII too, and strings may come from strangers.
std::string as_ascii(const Json& value, int indent = -1);

// csv_field quotes a value as RFC 4180 says, where it needs it.
std::string csv_field(const std::string& value);
// display_width counts the columns of a terminal that UTF-8 text takes.
size_t display_width(const std::string& text);

}  // namespace gatetape
