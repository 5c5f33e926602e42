#include "auditd/frame_stream.h"

#include <grpcpp/support/sync_stream.h>

#include <utility>

#include "record/batch.h"

namespace gatetape::auditd {
namespace {

// A message is sent when it holds this many bytes: large enough that the cost of a message does not
// count, and far below the 4 MiB that gRPC accepts.
constexpr size_t kMessageBytes = 1 << 20;
// Estimated size of a frame in a message in addition to its payload, in bytes.
constexpr size_t kFrameBytes = 32;

}  // namespace

absl::StatusOr<std::vector<Frame>> FrameReader::next(Db& db) {
  if (!std::exchange(sought_, true) && from_seq_ > 1)
    if (absl::Status status = pager_.seek(db, from_seq_); !status.ok()) return status;
  const auto batches = pager_.next(db);
  if (!batches.ok()) return batches.status();
  std::vector<Frame> frames;
  for (const StoredBatch& batch : *batches) {
    auto decoded =
        decode_batch(batch.first_seq, batch.last_seq, batch.codec, batch.raw_bytes, batch.data);
    if (!decoded.ok()) return decoded.status();
    for (Frame& frame : *decoded) {
      ended_ = ended_ || frame.kind == FrameKind::kSessionEnd || frame.kind == FrameKind::kStop;
      if (frame.seq >= from_seq_) frames.push_back(std::move(frame));
    }
  }
  return frames;
}

bool FrameSender::add(Frame frame) {
  bytes_ += frame.payload.size() + kFrameBytes;
  audit::v1::Frame* out = batch_.add_frames();
  out->set_seq(frame.seq);
  out->set_channel(frame.channel);
  out->set_kind(static_cast<uint32_t>(frame.kind));
  out->set_offset_ns(frame.offset_ns);
  *out->mutable_payload() = std::move(frame.payload);
  if (frame.absent) out->set_absent_bytes(frame.absent->bytes);
  return bytes_ < kMessageBytes || flush();
}

bool FrameSender::flush() {
  const bool ok = batch_.frames().empty() || writer_->Write(batch_);
  batch_.Clear();
  bytes_ = 0;
  return ok;
}

}  // namespace gatetape::auditd
