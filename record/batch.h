// Batch: the frames of one row of gatetape.frames as its `data` (docs/FORMAT.md section 6). Pure;
// any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "record/frame.h"

namespace gatetape {

constexpr int16_t kCodecPlain = 0;
constexpr int16_t kCodecZstd = 1;
constexpr uint32_t kBatchRawBytesMax = 64 << 20;

struct EncodedBatch {
  int16_t codec = kCodecPlain;
  uint32_t raw_bytes = 0;  // of data before compression
  std::string data;
};

// BatchEncoder collects frames, so that each payload is copied once.
class BatchEncoder {
 public:
  // add appends a frame; all of them together at most kBatchRawBytesMax (CHECKed).
  void add(const Frame& frame);
  size_t raw_bytes() const { return raw_.size(); }
  // finish gives what was added and starts again. It is compressed where that saves at least an
  // eighth.
  EncodedBatch finish();

 private:
  std::string raw_;
};

// encode_batch encodes frames with consecutive seq.
EncodedBatch encode_batch(const std::vector<Frame>& frames);

// decode_batch gives the frames first_seq..last_seq of a row. DATA_LOSS for anything that no
// encoder makes: the bytes may be hostile.
absl::StatusOr<std::vector<Frame>> decode_batch(uint64_t first_seq, uint64_t last_seq,
                                                int16_t codec, uint32_t raw_bytes,
                                                std::string_view data);

}  // namespace gatetape
