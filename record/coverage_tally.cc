#include "record/coverage_tally.h"

#include "absl/strings/str_cat.h"

namespace gatetape {
namespace {

// asks returns true for the frames that must have a row.
bool asks(FrameKind kind) {
  const bool is_unknown = !is_bytes(kind) && !is_written(static_cast<uint32_t>(kind));
  return kind == FrameKind::kChannelOpen || kind == FrameKind::kRequestIn ||
         kind == FrameKind::kRequestOut || kind == FrameKind::kDenied || is_unknown;
}

absl::Status unaccounted(const std::string& what) {
  return absl::FailedPreconditionError(
      absl::StrCat("the coverage does not account for everything: ", what,
                   "; `gatetape verify` says whether the record was altered"));
}

}  // namespace

void CoverageTally::add_frame(const Frame& frame) {
  frames_++;
  last_seq_ = frame.seq;
  if (is_bytes(frame.kind)) {
    const uint64_t bytes = frame.absent ? frame.absent->bytes : frame.payload.size();
    (route_of(frame.kind) == Route::kToTarget ? bytes_.in : bytes_.out) += bytes;
  }
  if (asks(frame.kind)) asked_++;
  if (frame.kind == FrameKind::kStop) ended_ = true;
  if (frame.kind != FrameKind::kSessionEnd) return;
  ended_ = true;
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  end_counts_ = event.ok() && !frame.absent;
  if (end_counts_) end_ = {event->get_number("bytes_in"), event->get_number("bytes_out")};
}

void CoverageTally::add_row(const CoverageRow& row) {
  rows_++;
  if (row.item == CoverageItem::kChannel) channels_++;
  if (row.item == CoverageItem::kRequest || row.item == CoverageItem::kGlobalRequest) requests_++;
  Sums& sums = sums_[static_cast<size_t>(row.state)];
  sums.rows++;
  sums.bytes += row.bytes_in + row.bytes_out;
  row_bytes_ += row.bytes_in + row.bytes_out;
}

absl::Status CoverageTally::check(uint64_t late_bytes) const {
  if (last_seq_ != frames_)
    return unaccounted(
        absl::StrCat("there are ", frames_, " frames, and the last one has number ", last_seq_));
  if (rows_ != asked_)
    return unaccounted(absl::StrCat(rows_, " rows for ", asked_, " channels and requests"));
  if (row_bytes_ + late_bytes != bytes_.both())
    return unaccounted(absl::StrCat("channels have ", row_bytes_ + late_bytes, " of ",
                                    bytes_.both(), " stream bytes"));
  return check_end();
}

absl::Status CoverageTally::check_end() const {
  if (!end_counts_ || (end_.in == bytes_.in && end_.out == bytes_.out)) return absl::OkStatus();
  return unaccounted(absl::StrCat("the end of the session counts ", end_.in, " bytes in and ",
                                  end_.out, " out, and its frames hold ", bytes_.in, " and ",
                                  bytes_.out));
}

}  // namespace gatetape
