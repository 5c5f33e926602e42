// CoverageTally: the sums of a coverage, counted from the frames and from the rows apart, so that
// it is known whether the rows account for everything. Pure; one thread at a time.
#pragma once

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "record/coverage.h"

namespace gatetape {

class CoverageTally {
 public:
  struct Sums {
    uint64_t rows = 0;
    uint64_t bytes = 0;
  };

  // add_frame counts a frame before Coverage::add reads it.
  void add_frame(const Frame& frame);
  // add_row counts a row that Coverage passed on.
  void add_row(const CoverageRow& row);
  // check fails with FAILED_PRECONDITION, and one line that says what is missing, unless the frames
  // are 1 to n, each frame that asks for a channel or a request has one row, and the rows and
  // `late_bytes` together hold every stream byte. When the session has an end, its own counts of
  // bytes must be those of the frames.
  absl::Status check(uint64_t late_bytes) const;

  uint64_t frames() const { return frames_; }
  // channels and requests return the rows of these; requests include global requests.
  uint64_t channels() const { return channels_; }
  uint64_t requests() const { return requests_; }
  const Sums& sums(CoverageState state) const { return sums_[static_cast<size_t>(state)]; }
  // ended returns true when the session has its last frame.
  bool ended() const { return ended_; }

 private:
  struct Bytes {
    uint64_t in = 0;
    uint64_t out = 0;
    uint64_t both() const { return in + out; }
  };

  absl::Status check_end() const;

  uint64_t frames_ = 0;
  uint64_t last_seq_ = 0;
  uint64_t asked_ = 0;  // frames that ask for a channel or a request
  Bytes bytes_;         // of the frames
  bool ended_ = false;
  bool end_counts_ = false;  // the last frame holds counts of bytes
  Bytes end_;                // these counts
  uint64_t channels_ = 0;
  uint64_t requests_ = 0;
  uint64_t rows_ = 0;
  uint64_t row_bytes_ = 0;
  std::array<Sums, 3> sums_{};  // by CoverageState
};

}  // namespace gatetape
