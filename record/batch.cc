#include "record/batch.h"

#include <zstd.h>

#include <memory>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace gatetape {
namespace {

// Smallest batch that is compressed, in bytes. Below it the time of zstd saves next to nothing.
constexpr size_t kCompressBytesMin = 512;
// Level of zstd. Level 1 keeps the recorder fast; it already shrinks log text to a third.
constexpr int kLevel = 1;

absl::Status damaged(const std::string& what) {
  return absl::DataLossError("a stored batch is damaged: " + what);
}

// compress returns the compressed bytes, or nothing when compression does not save one eighth.
std::string compress(const std::string& raw) {
  // A new context costs more than a small batch, so each thread keeps one.
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                                  &ZSTD_freeCCtx);
  // The target is shorter than the input. zstd stops early with an error, which is expected, when
  // the result does not fit.
  std::string out(raw.size() - raw.size() / 8, '\0');
  const size_t size =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), raw.data(), raw.size(), kLevel);
  if (ZSTD_isError(size)) return {};
  out.resize(size);
  out.shrink_to_fit();
  return out;
}

absl::StatusOr<std::string> decompress(uint32_t raw_bytes, std::string_view data) {
  std::string raw(raw_bytes, '\0');
  const size_t size = ZSTD_decompress(raw.data(), raw.size(), data.data(), data.size());
  if (ZSTD_isError(size)) return damaged(ZSTD_getErrorName(size));
  if (size != raw_bytes) return damaged("raw_bytes does not match the size of data");
  return raw;
}

absl::StatusOr<std::vector<Frame>> parse(uint64_t first_seq, uint64_t last_seq,
                                         std::string_view raw) {
  std::vector<Frame> frames;
  ByteReader reader(raw);
  for (uint64_t seq = first_seq; !reader.at_end(); seq++) {
    Frame frame;
    if (!get_frame(&reader, &frame))
      return damaged("a frame is incomplete, or its payload is over 256 KiB");
    if (seq > last_seq) return damaged("it holds more frames than first_seq and last_seq allow");
    frame.seq = seq;
    frames.push_back(std::move(frame));
  }
  if (frames.size() != last_seq - first_seq + 1)
    return damaged("it holds fewer frames than first_seq and last_seq require");
  return frames;
}

}  // namespace

void put_frame(std::string* out, const Frame& frame) {
  const size_t bytes = frame.absent ? sizeof(Hash) : frame.payload.size();
  const size_t size = out->size() + kFrameHeadBytes + bytes;
  CHECK(bytes <= kPayloadBytesMax, frame.seq, bytes);
  const auto kind = static_cast<uint16_t>(frame.kind);
  put_u32(out, frame.channel);
  put_u16(out, frame.absent ? kind | kPayloadAbsent : kind);
  put_u64(out, frame.offset_ns);
  if (frame.absent) {
    put_u32(out, frame.absent->bytes);
    *out += view(frame.absent->commitment);
  } else {
    put_string(out, frame.payload);
  }
  CHECK(out->size() == size, frame.seq, out->size(), size);
}

bool get_frame(ByteReader* reader, Frame* frame) {
  uint16_t kind = 0;
  uint32_t bytes = 0;
  std::string_view payload;
  if (!reader->get_u32(&frame->channel) || !reader->get_u16(&kind) ||
      !reader->get_u64(&frame->offset_ns) || !reader->get_u32(&bytes) || bytes > kPayloadBytesMax)
    return false;
  const bool is_absent = (kind & kPayloadAbsent) != 0;
  frame->kind = static_cast<FrameKind>(kind & ~kPayloadAbsent);
  if (!reader->get_bytes(is_absent ? sizeof(Hash) : bytes, &payload)) return false;
  if (!is_absent) return frame->payload = payload, true;
  frame->absent = AbsentPayload{.bytes = bytes};
  return to_hash(payload, &frame->absent->commitment);
}

// The recorder encodes only frames that Ingest accepted, so that no peer reaches these CHECKs.
void BatchEncoder::add(const Frame& frame) {
  CHECK(last_seq_ == 0 || frame.seq == last_seq_ + 1, frame.seq, last_seq_);
  last_seq_ = frame.seq;
  put_frame(&raw_, frame);
  CHECK(raw_.size() <= kBatchRawBytesMax, raw_.size());
}

EncodedBatch BatchEncoder::finish() {
  CHECK(raw_.empty() == (last_seq_ == 0), raw_.size(), last_seq_);
  EncodedBatch batch;
  batch.raw_bytes = static_cast<uint32_t>(raw_.size());
  if (raw_.size() >= kCompressBytesMin) batch.data = compress(raw_);
  batch.codec = batch.data.empty() ? kCodecPlain : kCodecZstd;
  if (batch.codec == kCodecPlain) batch.data = std::move(raw_);
  CHECK(batch.data.size() <= batch.raw_bytes, batch.codec, batch.data.size(), batch.raw_bytes);
  raw_.clear();
  last_seq_ = 0;
  return batch;
}

EncodedBatch encode_batch(const std::vector<Frame>& frames) {
  BatchEncoder encoder;
  for (const Frame& frame : frames) encoder.add(frame);
  return encoder.finish();
}

absl::StatusOr<std::vector<Frame>> decode_batch(uint64_t first_seq, uint64_t last_seq,
                                                int16_t codec, uint32_t raw_bytes,
                                                std::string_view data) {
  if (first_seq == 0 || last_seq < first_seq)
    return damaged("first_seq and last_seq do not form a range");
  if (raw_bytes > kBatchRawBytesMax) return damaged("raw_bytes is over 64 MiB");
  if (codec == kCodecZstd) {
    const absl::StatusOr<std::string> raw = decompress(raw_bytes, data);
    if (!raw.ok()) return raw.status();
    return parse(first_seq, last_seq, *raw);
  }
  if (codec == kCodecEncrypted || codec == kCodecEncrypted + kCodecZstd)
    return absl::UnimplementedError("a stored batch is encrypted");
  if (codec != kCodecPlain) return damaged("unknown codec " + std::to_string(codec));
  if (raw_bytes != data.size()) return damaged("raw_bytes does not match the size of data");
  return parse(first_seq, last_seq, data);
}

}  // namespace gatetape
