#include "record/frame.h"

#include "base/bytes.h"
#include "base/check.h"

namespace gatetape {

constexpr size_t kCanonicalBytes = 75;

std::string canonical_bytes(const SessionId& session, FormatVersion version, const Frame& frame,
                            const Hash& commitment) {
  const size_t bytes = frame.absent ? frame.absent->bytes : frame.payload.size();
  std::string out;
  out.reserve(kCanonicalBytes);
  put_u8(&out, static_cast<uint8_t>(version));
  out += session.bytes();
  put_u64(&out, frame.seq);
  put_u32(&out, frame.channel);
  put_u16(&out, static_cast<uint16_t>(frame.kind));
  put_u64(&out, frame.offset_ns);
  put_u32(&out, static_cast<uint32_t>(bytes));
  out += view(commitment);
  CHECK(out.size() == kCanonicalBytes, frame.seq, out.size());
  return out;
}

Hash leaf_of(const SessionId& session, FormatVersion version, const Frame& frame,
             const Hash& commitment) {
  const std::string_view prefix("\0", 1);
  return sha256(prefix, canonical_bytes(session, version, frame, commitment));
}

}  // namespace gatetape
