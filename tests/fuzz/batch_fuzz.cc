// Fuzz target of stored rows (docs/FORMAT.md section 6), which the verifier reads from a database
// that it does not trust. The input is a byte of flags, the number of frames less one, raw_bytes (4
// bytes), and `data`.

#include <algorithm>

#include "record/batch.h"
#include "record/merkle.h"
#include "record/verify.h"
#include "tests/fuzz/fuzz.h"

namespace gatetape::fuzz {
namespace {

constexpr uint64_t kFirst = 1;
constexpr uint32_t kRawBytesMax = 1 << 20;  // larger rows take time and show nothing more

bool same(const std::vector<Frame>& a, const std::vector<Frame>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Frame& x, const Frame& y) {
    return x.seq == y.seq && x.channel == y.channel && x.kind == y.kind &&
           x.offset_ns == y.offset_ns && x.payload == y.payload;
  });
}

void check_frames(const std::vector<Frame>& frames, const StoredBatch& row) {
  CHECK(frames.size() == row.last_seq - row.first_seq + 1, frames.size());
  for (size_t i = 0; i < frames.size(); i++) {
    CHECK(frames[i].seq == row.first_seq + i, frames[i].seq);
    CHECK(static_cast<uint16_t>(frames[i].kind) < kPayloadAbsent, i);
    CHECK(!frames[i].absent || frames[i].absent->bytes <= kPayloadBytesMax, i);
    CHECK(frames[i].payload.size() <= kPayloadBytesMax, i);
  }
  const EncodedBatch again = encode_batch(frames);
  CHECK(again.raw_bytes == row.raw_bytes, again.raw_bytes, row.raw_bytes);
  if (row.codec == kCodecPlain && again.codec == kCodecPlain) CHECK(again.data == row.data);
  const auto decoded =
      decode_batch(row.first_seq, row.last_seq, again.codec, again.raw_bytes, again.data);
  CHECK(decoded.ok(), decoded.status());
  CHECK(same(*decoded, frames));
}

// A row that lost or gained a byte, or that claims another number of frames, is never accepted.
void check_damage(const StoredBatch& row) {
  const uint64_t last = row.last_seq;
  CHECK(!decode_batch(kFirst, last + 1, row.codec, row.raw_bytes, row.data).ok());
  CHECK(!decode_batch(kFirst, last - 1, row.codec, row.raw_bytes, row.data).ok());
  CHECK(!decode_batch(kFirst, last, row.codec, row.raw_bytes + 1, row.data).ok());
  CHECK(!decode_batch(kFirst, last, row.codec, row.raw_bytes - 1, row.data).ok());
  if (row.codec != kCodecPlain) return;
  const std::string shorter = row.data.substr(0, row.data.size() - 1);
  CHECK(!decode_batch(kFirst, last, kCodecPlain, row.raw_bytes - 1, shorter).ok());
  const std::string longer = row.data + '\0';
  CHECK(!decode_batch(kFirst, last, kCodecPlain, row.raw_bytes + 1, longer).ok());
}

void set_sums(const SessionId& session, const CommitKeys& keys, const std::vector<Frame>& frames,
              StoredBatch* row) {
  CompactRange tree;
  for (const Frame& frame : frames) {
    tree.append(leaf_hash(session, keys, frame));
    if (frame.kind == FrameKind::kIn) row->bytes_in += frame.payload.size();
    if (frame.kind == FrameKind::kOut || frame.kind == FrameKind::kErr)
      row->bytes_out += frame.payload.size();
  }
  row->root = view(tree.root());
}

// The verifier accepts a row only with its true root and counts.
void check_verifier(StoredBatch row, const std::vector<Frame>& frames) {
  const SessionId session;
  const CommitKeys keys(std::string(kCommitKeyBytes, 'k'));
  set_sums(session, keys, frames, &row);
  std::vector<Frame> seen;
  FrameVerifier verifier(session, keys);
  const bool good = verifier.add(row, &seen);
  CHECK(good != verifier.problem().has_value());
  if (!good) {
    CHECK(seen.empty());
    CHECK(verifier.problem()->seq >= kFirst && verifier.problem()->seq <= row.last_seq);
    check_shown(verifier.problem()->what);
    CHECK(!verifier.add(row, &seen));
    return;
  }
  CHECK(same(seen, frames));
  CHECK(verifier.size() == frames.size() && view(verifier.root()) == row.root);
  CHECK(!verifier.add(row, &seen));  // the same row again
  row.root[0] = static_cast<char>(row.root[0] ^ 1);
  CHECK(!FrameVerifier(session, keys).add(row, &seen));
  row.root[0] = static_cast<char>(row.root[0] ^ 1);
  row.bytes_in++;
  CHECK(!FrameVerifier(session, keys).add(row, &seen));
  row.bytes_in--;
  CHECK(!FrameVerifier(session, CommitKeys(std::string(kCommitKeyBytes, 'x'))).add(row, &seen));
}

void check_row(const StoredBatch& row) {
  const auto frames = decode_batch(row.first_seq, row.last_seq, row.codec, row.raw_bytes, row.data);
  if (!frames.ok()) {
    CHECK(absl::IsDataLoss(frames.status()) || absl::IsUnimplemented(frames.status()),
          frames.status());
    check_shown({frames.status().message().data(), frames.status().message().size()});
    return;
  }
  check_frames(*frames, row);
  check_damage(row);
  check_verifier(row, *frames);
}

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  fuzz::Choices choices(fuzz::input(data, size));
  const uint8_t flags = choices.u8();
  StoredBatch row;
  row.first_seq = fuzz::kFirst;
  row.last_seq = fuzz::kFirst + choices.u8();
  row.codec = static_cast<int16_t>(flags & 19);
  row.raw_bytes = choices.u32() % fuzz::kRawBytesMax;
  row.data = choices.rest();
  // The length of a plain row is known without the input; flag bit 2 selects raw_bytes of the
  // input.
  if (row.codec == kCodecPlain && (flags & 4) == 0)
    row.raw_bytes = static_cast<uint32_t>(row.data.size());
  fuzz::check_row(row);
  return 0;
}
