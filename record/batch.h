// Batch: the encoding of the frames of one row of gatetape.frames in its column `data`
// (docs/FORMAT.md section 6). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/bytes.h"
#include "record/frame.h"

namespace gatetape {

constexpr int16_t kCodecPlain = 0;
constexpr int16_t kCodecZstd = 1;
// Added to the codec when `data` is encrypted. Nothing writes such batches yet.
constexpr int16_t kCodecEncrypted = 16;
// Added to the kind of a frame whose payload is absent.
constexpr uint16_t kPayloadAbsent = 0x8000;
// Largest uncompressed size of a batch, in bytes. The encoder CHECKs it, and the decoder treats a
// larger raw_bytes as damage, so that a forged row cannot make a reader allocate gigabytes. The
// recorder closes a batch at about 1 MiB.
constexpr uint32_t kBatchRawBytesMax = 64 << 20;

// Size of a frame in addition to its payload, in bytes: channel, kind, offset_ns and the length of
// the payload.
constexpr size_t kFrameHeadBytes = 18;

// put_frame appends the stored form of a frame, which has no seq. A payload over kPayloadBytesMax
// fails a CHECK.
void put_frame(std::string* out, const Frame& frame);
// get_frame reads the stored form of a frame, which may be hostile. It returns false when the bytes
// end too early, and for a payload over kPayloadBytesMax.
bool get_frame(ByteReader* reader, Frame* frame);

struct EncodedBatch {
  int16_t codec = kCodecPlain;
  uint32_t raw_bytes = 0;  // size of `data` before compression
  std::string data;
};

// BatchEncoder encodes frames one by one, so that each payload is copied once.
class BatchEncoder {
 public:
  // add appends a frame, whose seq follows the one before it and whose payload is not over
  // kPayloadBytesMax. A batch over kBatchRawBytesMax fails a CHECK.
  void add(const Frame& frame);
  // raw_bytes returns the uncompressed size so far.
  size_t raw_bytes() const { return raw_.size(); }
  // finish returns the batch and starts an empty one. It compresses the batch when that saves at
  // least one eighth.
  EncodedBatch finish();

 private:
  std::string raw_;
  uint64_t last_seq_ = 0;  // of the frame that was added last; 0 = none
};

// encode_batch returns the batch of these frames, which have consecutive seq.
EncodedBatch encode_batch(const std::vector<Frame>& frames);

// decode_batch parses the frames first_seq..last_seq of a row, which may be hostile. A kind that is
// not known is no error. It fails with DATA_LOSS for bytes that no encoder writes, and with
// UNIMPLEMENTED for an encrypted batch.
absl::StatusOr<std::vector<Frame>> decode_batch(uint64_t first_seq, uint64_t last_seq,
                                                int16_t codec, uint32_t raw_bytes,
                                                std::string_view data);

}  // namespace gatetape
