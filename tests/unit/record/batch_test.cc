#include "record/batch.h"

#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"

namespace gatetape {
namespace {

std::vector<Frame> frames_of(size_t count, const std::string& payload) {
  std::vector<Frame> frames;
  for (uint64_t i = 0; i < count; i++)
    frames.push_back({7 + i, static_cast<uint32_t>(i), FrameKind::kOut, i * 10, payload});
  return frames;
}

std::string noise(size_t bytes) {
  std::mt19937 engine(1);
  std::string out(bytes, '\0');
  for (char& c : out) c = static_cast<char>(engine());
  return out;
}

void expect_round_trip(const std::vector<Frame>& frames, int16_t codec) {
  const EncodedBatch batch = encode_batch(frames);
  EXPECT_EQ(batch.codec, codec);
  const auto decoded =
      decode_batch(frames.front().seq, frames.back().seq, batch.codec, batch.raw_bytes, batch.data);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_EQ(decoded->size(), frames.size());
  for (size_t i = 0; i < frames.size(); i++) {
    EXPECT_EQ((*decoded)[i].seq, frames[i].seq);
    EXPECT_EQ((*decoded)[i].channel, frames[i].channel);
    EXPECT_EQ((*decoded)[i].kind, frames[i].kind);
    EXPECT_EQ((*decoded)[i].offset_ns, frames[i].offset_ns);
    EXPECT_EQ((*decoded)[i].payload, frames[i].payload);
  }
}

TEST(Batch, decode_gives_the_frames_and_compression_is_used_where_it_pays) {
  expect_round_trip(frames_of(1, "x"), kCodecPlain);
  expect_round_trip(frames_of(1, ""), kCodecPlain);
  expect_round_trip(frames_of(1, std::string(512 - 18 - 1, 'a')), kCodecPlain);
  expect_round_trip(frames_of(1, std::string(512 - 18, 'a')), kCodecZstd);
  expect_round_trip(frames_of(40, std::string(kPayloadBytesMax, 'a')), kCodecZstd);
  expect_round_trip(frames_of(3, noise(50'000)), kCodecZstd);  // repeats
  expect_round_trip(frames_of(1, noise(50'000)), kCodecPlain);
}

TEST(Batch, an_encoder_starts_again_after_finish) {
  BatchEncoder encoder;
  encoder.add(frames_of(1, "first")[0]);
  const std::string first = encoder.finish().data;
  EXPECT_EQ(encoder.raw_bytes(), 0u);
  encoder.add(frames_of(1, "first")[0]);
  EXPECT_EQ(encoder.finish().data, first);
}

TEST(BatchDeathTest, frames_of_a_batch_follow_each_other) {
  BatchEncoder encoder;
  const std::vector<Frame> frames = frames_of(3, "x");
  encoder.add(frames[0]);
  EXPECT_DEATH(encoder.add(frames[2]), "last_seq_.*9 7");
  EXPECT_DEATH(encoder.add(frames[0]), "last_seq_.*7 7");
}

TEST(BatchDeathTest, a_payload_that_no_decoder_accepts_is_not_encoded) {
  BatchEncoder encoder;
  EXPECT_DEATH(encoder.add(frames_of(1, std::string(kPayloadBytesMax + 1, 'x'))[0]),
               "kPayloadBytesMax");
}

TEST(Batch, hostile_bytes_are_data_loss) {
  const EncodedBatch good = encode_batch(frames_of(2, "abc"));
  const EncodedBatch packed = encode_batch(frames_of(2, std::string(1000, 'a')));
  std::string cut_commitment;
  put_u32(&cut_commitment, 0);
  put_u16(&cut_commitment, kPayloadAbsent | 1);
  put_u64(&cut_commitment, 0);
  put_u32(&cut_commitment, 3);
  cut_commitment += std::string(31, 'c');
  std::string long_payload;
  put_u32(&long_payload, 0);
  put_u16(&long_payload, 1);
  put_u64(&long_payload, 0);
  put_string(&long_payload, std::string(kPayloadBytesMax + 1, 'a'));
  const auto size = [](const std::string& data) { return static_cast<uint32_t>(data.size()); };
  struct Row {
    const char* name;
    uint64_t first_seq, last_seq;
    int16_t codec;
    uint32_t raw_bytes;
    std::string data;
  };
  const std::vector<Row> rows = {
      {"seq 0", 0, 1, 0, good.raw_bytes, good.data},
      {"last before first", 2, 1, 0, good.raw_bytes, good.data},
      {"too few frames", 1, 3, 0, good.raw_bytes, good.data},
      {"too many frames", 1, 1, 0, good.raw_bytes, good.data},
      {"all of the numbers", 1, UINT64_MAX, 0, good.raw_bytes, good.data},
      {"unknown codec", 1, 2, 2, good.raw_bytes, good.data},
      {"raw_bytes of plain data", 1, 2, 0, good.raw_bytes + 1, good.data},
      {"raw_bytes of packed data", 1, 2, 1, packed.raw_bytes + 1, packed.data},
      {"raw_bytes too small", 1, 2, 1, packed.raw_bytes - 1, packed.data},
      {"raw_bytes huge", 1, 2, 1, kBatchRawBytesMax + 1, packed.data},
      {"plain data as zstd", 1, 2, 1, good.raw_bytes, good.data},
      {"cut plain data", 1, 2, 0, good.raw_bytes - 1, good.data.substr(0, good.data.size() - 1)},
      {"cut packed data", 1, 2, 1, packed.raw_bytes, packed.data.substr(0, 20)},
      {"cut commitment", 1, 1, 0, size(cut_commitment), cut_commitment},
      {"payload too long", 1, 1, 0, size(long_payload), long_payload},
      {"nothing", 1, 1, 0, 0, ""},
  };
  for (const Row& row : rows)
    EXPECT_EQ(decode_batch(row.first_seq, row.last_seq, row.codec, row.raw_bytes, row.data)
                  .status()
                  .code(),
              absl::StatusCode::kDataLoss)
        << row.name;
}

}  // namespace
}  // namespace gatetape
