#include "client/covered_session.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/times.h"

namespace gatetape::client {
namespace {

// Rows that are sorted together. A row takes about 1.5 KiB at most, so that these take 150 MiB at
// most; people's sessions have a few hundred.
constexpr size_t kSortedRowsMax = 100'000;

// Sorter puts rows in the order of their frames before it passes them on.
class Sorter {
 public:
  explicit Sorter(const Coverage::Sink& each) : each_(each) {}
  void add(const CoverageRow& row) {
    rows_.push_back(row);
    if (rows_.size() == kSortedRowsMax) flush();
  }
  void flush() {
    std::sort(rows_.begin(), rows_.end(),
              [](const CoverageRow& a, const CoverageRow& b) { return a.seq < b.seq; });
    for (const CoverageRow& row : rows_) each_(row);
    rows_.clear();
  }

 private:
  const Coverage::Sink& each_;
  std::vector<CoverageRow> rows_;
};

std::string count_of(uint64_t count, const char* noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

const char* color_of(CoverageState state) {
  switch (state) {
    case CoverageState::kRecorded:
      return nullptr;
    case CoverageState::kRefused:
      return "31";
    case CoverageState::kOpaque:
      return "33";
  }
  return nullptr;
}

}  // namespace

std::string CoveredSession::summary() const {
  std::string text =
      count_of(tally.channels(), "channel") + ", " + count_of(tally.requests(), "request");
  const char* separator = ": ";
  for (const CoverageState state :
       {CoverageState::kRecorded, CoverageState::kRefused, CoverageState::kOpaque}) {
    const CoverageTally::Sums& sums = tally.sums(state);
    absl::StrAppend(&text, separator, sums.rows, " ", coverage_word(state));
    if (state != CoverageState::kRefused)
      absl::StrAppend(&text, " (", count_of(sums.bytes, "byte"), ")");
    separator = ", ";
  }
  if (late_bytes > 0)
    absl::StrAppend(&text, "; ", count_of(late_bytes, "byte"), " came for channels that were over");
  return text;
}

absl::StatusOr<CoveredSession> cover_session(AuditClient& client, const std::string& id,
                                             const Coverage::Sink& each) {
  CoveredSession covered;
  Sorter sorter(each);
  Coverage coverage([&](const CoverageRow& row) {
    covered.tally.add_row(row);
    sorter.add(row);
  });
  audit::v1::ReadFramesRequest request;
  request.set_id(id);
  absl::Status readable;
  const absl::Status status = client.read(request, [&](const Frame& frame) {
    covered.tally.add_frame(frame);
    readable = coverage.add(frame);
    return readable.ok();
  });
  if (!status.ok()) return status;
  if (!readable.ok()) return readable;
  coverage.finish();
  sorter.flush();
  covered.late_bytes = coverage.late_bytes();
  covered.accounted = covered.tally.check(covered.late_bytes);
  return covered;
}

std::vector<Column> coverage_columns() {
  return {{"seq", true, true},
          {"channel", true, true},
          {"item"},
          {"side", false},
          {"what"},
          {"text"},
          {"state"},
          {"bytes_in", true, true},
          {"bytes_out", true, true},
          {"reason"}};
}

std::vector<Cell> coverage_cells(const CoverageRow& row) {
  Cell state = Cell::of_text(coverage_word(row.state));
  state.color = color_of(row.state);
  return {Cell::of_number(row.seq),
          Cell::of_number(row.channel),
          Cell::of_text(coverage_word(row.item)),
          Cell::of_text(row.by_target ? "target" : "user"),
          Cell::of_text(row.what),
          Cell::of_text(row.text),
          state,
          {row.bytes_in, format_bytes(row.bytes_in), nullptr},
          {row.bytes_out, format_bytes(row.bytes_out), nullptr},
          Cell::of_text(row.reason)};
}

}  // namespace gatetape::client
