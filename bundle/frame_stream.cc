#include "bundle/frame_stream.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "record/batch.h"

namespace gatetape {

constexpr size_t kFrameBytesMax = kFrameHeadBytes + kPayloadBytesMax;

absl::StatusOr<Frame> FrameStream::next() {
  const auto bytes = member_.peek(kFrameBytesMax);
  if (!bytes.ok()) return bytes.status();
  ByteReader reader(*bytes);
  Frame frame;
  frame.seq = ++seq_;
  if (!get_frame(&reader, &frame))
    return absl::InvalidArgumentError(absl::StrCat("frame ", seq_, " is malformed"));
  member_.skip(bytes->size() - reader.rest().size());
  return frame;
}

}  // namespace gatetape
