// Output writes rows to standard output as a table, JSON, JSON lines or CSV, with the same rows and
// names in each format. Main thread.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace gatetape::client {

using Json = nlohmann::ordered_json;

// Cell is one value of a row: `value` for programs, `text` for people. Both must be printable.
struct Cell {
  Json value;
  std::string text;
  const char* color = nullptr;  // an SGR parameter, such as "31"; used only in a table in color

  // of_text returns a cell with control characters escaped; an empty text is "-" in a table.
  static Cell of_text(std::string_view raw);
  static Cell of_number(uint64_t number);
};

struct Column {
  std::string name;            // the JSON key and CSV heading
  bool in_table = true;        // programs get all columns, a table only those that fit a screen
  bool right_aligned = false;  // numbers
  std::string heading = {};    // heading in a table; empty = the name in capitals
};

class Output {
 public:
  // check_format checks that a format is table, json, jsonl or csv; INVALID_ARGUMENT otherwise.
  static absl::Status check_format(const std::string& format);
  Output(std::string format, std::vector<Column> columns, bool color, std::FILE* file = stdout);

  // add accepts a row with one cell per column. The widths of a table come from its first 1,000
  // rows.
  void add(std::vector<Cell> row);
  // finish writes the end. It returns OK when everything was written.
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

// as_ascii returns JSON text with everything beyond ASCII escaped, because a terminal also obeys
// some characters beyond ASCII and the strings may come from an attacker.
std::string as_ascii(const Json& value, int indent = -1);

// csv_field returns a value as a field of RFC 4180, quoted where that is necessary.
std::string csv_field(const std::string& value);
// display_width returns how many columns of a terminal UTF-8 text takes.
size_t display_width(const std::string& text);

}  // namespace gatetape::client
