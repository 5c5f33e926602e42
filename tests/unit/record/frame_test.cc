#include "record/frame.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "record/batch.h"
#include "record/commit_keys.h"
#include "record/event.h"
#include "record/head.h"
#include "record/merkle.h"

namespace gatetape {
namespace {

// The worked example of docs/FORMAT.md section 7. A change of these bytes is a change of the
// format.
const SessionId kSession = *SessionId::from_text("019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b");
std::string commit_key() {
  std::string key;
  for (char c = 0; c < 32; c++) key += c;
  return key;
}
Frame notice() { return {1, 0, FrameKind::kNotice, 0, Event{{"text", "hi"}}.encode()}; }
Frame bytes_in() { return {2, 1, FrameKind::kIn, 1'500'000'000, "ls\r"}; }

const CommitKeys kKeys(commit_key());

std::string canonical_hex(const Frame& frame) {
  return to_hex(canonical_bytes(kSession, FormatVersion::k2, frame, kKeys.commitment(frame)));
}

TEST(Frame, canonical_bytes_are_those_of_the_worked_example) {
  EXPECT_EQ(canonical_hex(notice()),
            "02019c1a2b3c4d7e5f8a6b7c8d9e0f1a2b000000000000000100000000002a00000000000000"
            "000000000ea22ffd8404cbf1173fb5c7540699cf1c55a384d6d7bd7ce7537dae225e789d7c");
  EXPECT_EQ(canonical_hex(bytes_in()),
            "02019c1a2b3c4d7e5f8a6b7c8d9e0f1a2b00000000000000020000000100010000000059682f"
            "00000000037745951f07993bda8dbd8929800ff72cad3a40045f50398ac995a5814e6fb60d");
  EXPECT_EQ(canonical_bytes(kSession, FormatVersion::k2, bytes_in(), Hash{}).size(), 75u);
}

TEST(Frame, keys_are_those_of_the_worked_example) {
  EXPECT_EQ(to_hex(kKeys.frame_key(FrameKind::kNotice, 1)),
            "366684886993dcf734c100561fed7cc694eafa59ab21630ba1610e7dbcd5223d");
  EXPECT_EQ(to_hex(kKeys.frame_key(FrameKind::kIn, 2)),
            "c7d0371c2c00c8ce6987cae6b03032a234821ac7b27935f2c01d2357d5fce12c");
  EXPECT_EQ(to_hex(kKeys.check()), "72d3b5e6f120e3e87a695c71acc24aaa");
}

// Sessions that were recorded before version 2 verify for ever.
TEST(Frame, canonical_bytes_and_leaves_of_version_1_stay) {
  const CommitKeys keys(commit_key(), FormatVersion::k1);
  EXPECT_EQ(
      to_hex(canonical_bytes(kSession, FormatVersion::k1, bytes_in(), keys.commitment(bytes_in()))),
      "01019c1a2b3c4d7e5f8a6b7c8d9e0f1a2b00000000000000020000000100010000000059682f"
      "0000000003daabe1eba80ea04b38024c088a7b14f4455df4aa304b9c6b05450fd758576dad");
  EXPECT_EQ(to_hex(view(leaf_hash(kSession, keys, bytes_in()))),
            "a07ca47a0bd94fb6bcf04d29c2129a077be8856881a014e9f8bfffb8542138b5");
}

TEST(Frame, leaves_and_root_are_those_of_the_worked_example) {
  const Hash first = leaf_hash(kSession, kKeys, notice());
  const Hash second = leaf_hash(kSession, kKeys, bytes_in());
  EXPECT_EQ(to_hex(view(first)),
            "197bbc1184dcf0a1ababb40e41b3d5885ac9135a7eec299566788e06451571d3");
  EXPECT_EQ(to_hex(view(second)),
            "8c15d96d975ef42b9ea618e64f5692fa515f4a875aa7268b48e332a69bb005b2");
  CompactRange range;
  range.append(first);
  EXPECT_EQ(range.root(), first);
  range.append(second);
  EXPECT_EQ(to_hex(view(range.root())),
            "0a6773251b8c758a7ad9ccab6a693515be891296d431928831c512d2f74536ec");
}

// Whoever holds the keys of some frames finds no other payload by trying all short ones.
TEST(Frame, the_keys_of_other_frames_do_not_open_a_commitment) {
  const Hash secret = kKeys.commitment({5, 1, FrameKind::kIn, 0, "x"});
  const std::string shown[] = {kKeys.frame_key(FrameKind::kIn, 4),
                               kKeys.frame_key(FrameKind::kIn, 6),
                               kKeys.frame_key(FrameKind::kOut, 5)};
  for (int first = 0; first < 256; first++) {
    for (int second = -1; second < 256; second++) {
      std::string guess(1, static_cast<char>(first));
      if (second >= 0) guess += static_cast<char>(second);
      for (const std::string& key : shown) ASSERT_NE(hmac_sha256_once(key, guess), secret);
    }
  }
  EXPECT_EQ(hmac_sha256_once(kKeys.frame_key(FrameKind::kIn, 5), "x"), secret);
}

TEST(Frame, stored_batch_is_that_of_the_worked_example) {
  const EncodedBatch batch = encode_batch({notice(), bytes_in()});
  EXPECT_EQ(batch.codec, kCodecPlain);
  EXPECT_EQ(to_hex(batch.data),
            "00000000002a00000000000000000000000e0000000474657874000000026869000000010001"
            "0000000059682f00000000036c730d");
}

TEST(Frame, every_part_changes_the_leaf) {
  const Hash leaf = leaf_hash(kSession, kKeys, bytes_in());
  Frame changed[5] = {bytes_in(), bytes_in(), bytes_in(), bytes_in(), bytes_in()};
  changed[0].seq++;
  changed[1].channel++;
  changed[2].kind = FrameKind::kOut;
  changed[3].offset_ns++;
  changed[4].payload[0]++;
  for (const Frame& frame : changed) EXPECT_NE(leaf_hash(kSession, kKeys, frame), leaf);
  EXPECT_NE(leaf_hash(SessionId(), kKeys, bytes_in()), leaf);
  EXPECT_NE(leaf_hash(kSession, CommitKeys(std::string(32, 'k')), bytes_in()), leaf);
}

TEST(Frame, a_frame_without_its_payload_has_the_same_leaf) {
  Frame frame = bytes_in();
  frame.absent = AbsentPayload{3, kKeys.commitment(bytes_in())};
  frame.payload.clear();
  EXPECT_EQ(leaf_hash(kSession, kKeys, frame), leaf_hash(kSession, kKeys, bytes_in()));
  const EncodedBatch batch = encode_batch({notice(), frame});
  EXPECT_EQ(to_hex(batch.data.substr(32)),
            "0000000180010000000059682f00000000037745951f07993bda8dbd8929800ff72cad3a4004"
            "5f50398ac995a5814e6fb60d");
  const auto decoded = decode_batch(1, 2, batch.codec, batch.raw_bytes, batch.data);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ((*decoded)[1].kind, FrameKind::kIn);
  EXPECT_EQ((*decoded)[1].absent->bytes, 3u);
  EXPECT_EQ((*decoded)[1].absent->commitment, frame.absent->commitment);
}

TEST(Frame, an_encrypted_batch_is_told_from_a_damaged_one) {
  for (const int16_t codec : {int16_t{16}, int16_t{17}})
    EXPECT_TRUE(absl::IsUnimplemented(decode_batch(1, 1, codec, 3, "xyz").status()));
  EXPECT_TRUE(absl::IsDataLoss(decode_batch(1, 1, 2, 3, "xyz").status()));
}

TEST(Frame, only_kinds_of_the_table_are_known_and_reserved_ones_are_not_written) {
  int known = 0, written = 0;
  for (uint32_t kind = 0; kind <= 70000; kind++) {
    known += is_known(kind) ? 1 : 0;
    written += is_written(kind) ? 1 : 0;
  }
  EXPECT_EQ(known, 78);
  EXPECT_EQ(written, 36);
  for (uint32_t kind : {0u, 6u, 15u, 22u, 31u, 72u, 118u, 65536u + 1u})
    EXPECT_FALSE(is_known(kind)) << kind;
  EXPECT_TRUE(is_known(4) && !is_written(4));
  EXPECT_EQ(kind_name(FrameKind::kRequestIn), "request_in");
  EXPECT_EQ(kind_name(static_cast<FrameKind>(200)), "kind 200");
  EXPECT_TRUE(is_bytes(FrameKind::kErr));
  EXPECT_FALSE(is_bytes(FrameKind::kSessionOpen));
}

TEST(Head, signed_text_has_four_lines) {
  EXPECT_EQ((SessionHead{kSession, 2, Hash{}}).signed_text(),
            "gatetape session head v1\n019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b\n2\n"
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
}

TEST(SessionId, text_and_bytes_are_the_same_id) {
  EXPECT_EQ(kSession.to_text(), "019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b");
  EXPECT_EQ(*SessionId::from_bytes(kSession.bytes()), kSession);
  EXPECT_EQ(kSession.unix_ms(), 0x019c1a2b3c4d);
}

TEST(SessionId, minted_ids_are_uuid_version_7_of_their_millisecond) {
  const SessionId id = SessionId::mint(1'700'000'000'123'456'789);
  EXPECT_EQ(id.unix_ms(), 1'700'000'000'123);
  EXPECT_EQ(id.to_text()[14], '7');
  EXPECT_NE(std::string("89ab").find(id.to_text()[19]), std::string::npos);
  EXPECT_NE(id, SessionId::mint(1'700'000'000'123'456'789));
}

TEST(SessionId, other_text_and_bytes_are_refused) {
  for (const char* text :
       {"", "019c1a2b3c4d7e5f8a6b7c8d9e0f1a2b", "019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2",
        "019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2g", "019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b0",
        "019c1a2-b3c4d-7e5f-8a6b-7c8d9e0f1a2b"})
    EXPECT_FALSE(SessionId::from_text(text).ok()) << text;
  EXPECT_FALSE(SessionId::from_bytes(std::string(15, 'x')).ok());
  EXPECT_FALSE(SessionId::from_bytes(std::string(17, 'x')).ok());
}

}  // namespace
}  // namespace gatetape
