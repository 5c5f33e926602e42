#include "client/output.h"

#include <wchar.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"

namespace gatetape::client {
namespace {

// Rows that wait until the widths of a table are known. Longer tables keep these widths.
constexpr size_t kMeasuredRows = 1000;

std::string heading_of(const Column& column) {
  if (!column.heading.empty()) return column.heading;
  std::string out = column.name;
  for (char& c : out) c = c == '_' ? ' ' : static_cast<char>(std::toupper(c));
  return out;
}

std::string csv_text(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

Cell Cell::of_text(std::string_view raw) {
  const std::string text = printable(raw);
  return {text, text.empty() ? "-" : text, nullptr};
}

Cell Cell::of_number(uint64_t number) { return {number, std::to_string(number), nullptr}; }

absl::Status Output::check_format(const std::string& format) {
  for (const char* known : {"table", "json", "jsonl", "csv"})
    if (format == known) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "\"" + printable(format) + "\" is not an output format: type -o table, json, jsonl or csv");
}

Output::Output(std::string format, std::vector<Column> columns, bool color, std::FILE* file)
    : format_(std::move(format)), columns_(std::move(columns)), color_(color), file_(file) {}

void Output::write(const std::string& text) { std::fwrite(text.data(), 1, text.size(), file_); }

void Output::add(std::vector<Cell> row) {
  const bool first = !std::exchange(any_, true);
  if (format_ == "json") {
    write((first ? "[\n" : ",\n") + as_json(row).dump());
  } else if (format_ == "jsonl") {
    write(as_json(row).dump() + "\n");
  } else if (format_ == "csv") {
    std::string heading;
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      absl::StrAppend(&heading, i == 0 ? "" : ",", csv_field(columns_[i].name));
      absl::StrAppend(&line, i == 0 ? "" : ",", csv_field(csv_text(row[i].value)));
    }
    write((first ? heading + "\r\n" : "") + line + "\r\n");
  } else {
    waiting_.push_back(std::move(row));
    if (!widths_.empty() || waiting_.size() == kMeasuredRows) add_to_table();
  }
}

absl::Status Output::finish() {
  if (format_ == "json") write(any_ ? "\n]\n" : "[]\n");
  if (format_ == "table" && !waiting_.empty()) add_to_table();
  if (std::fflush(file_) == 0 && std::ferror(file_) == 0) return absl::OkStatus();
  return absl::UnknownError(
      "the output could not be written: check the free space, or the program that reads it");
}

Json Output::as_json(const std::vector<Cell>& row) const {
  Json object = Json::object();
  for (size_t i = 0; i < columns_.size(); ++i) object[columns_[i].name] = row[i].value;
  return object;
}

void Output::add_to_table() {
  if (widths_.empty()) {
    std::vector<Cell> heading;
    for (size_t i = 0; i < columns_.size(); ++i) {
      heading.push_back({nullptr, heading_of(columns_[i]), "1"});
      size_t width = heading.back().text.size();
      for (const auto& row : waiting_) width = std::max(width, display_width(row[i].text));
      widths_.push_back(width);
    }
    write_table_row(heading);
  }
  for (const auto& row : waiting_) write_table_row(row);
  waiting_.clear();
}

void Output::write_table_row(const std::vector<Cell>& row) {
  std::string line;
  size_t owed = 0;  // blanks before the next cell; a line never ends with blanks
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (!columns_[i].in_table) continue;
    const Cell& cell = row[i];
    const size_t width = display_width(cell.text);
    const size_t blanks = width < widths_[i] ? widths_[i] - width : 0;
    line.append(owed + (columns_[i].right_aligned ? blanks : 0), ' ');
    owed = 2 + (columns_[i].right_aligned ? 0 : blanks);
    if (color_ && cell.color != nullptr)
      absl::StrAppend(&line, "\x1b[", cell.color, "m", cell.text, "\x1b[0m");
    else
      line += cell.text;
  }
  write(line + "\n");
}

std::string as_ascii(const Json& value, int indent) { return value.dump(indent, ' ', true); }

std::string csv_field(const std::string& value) {
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  std::string quoted = "\"";
  for (char c : value) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

size_t display_width(const std::string& text) {
  mbstate_t state{};
  size_t width = 0;
  for (size_t at = 0; at < text.size();) {
    wchar_t wide = 0;
    const size_t length = mbrtowc(&wide, text.data() + at, text.size() - at, &state);
    if (length == 0 || length > text.size() - at) return text.size();  // the locale is not UTF-8
    const int columns = wcwidth(wide);
    width += columns < 0 ? 1 : static_cast<size_t>(columns);
    at += length;
  }
  return width;
}

}  // namespace gatetape::client
