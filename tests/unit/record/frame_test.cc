#include "record/frame.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "record/batch.h"
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

std::string canonical_hex(const Frame& frame) {
  return to_hex(canonical_bytes(kSession, frame, hmac_sha256(commit_key(), frame.payload)));
}

TEST(Frame, canonical_bytes_are_those_of_the_worked_example) {
  EXPECT_EQ(canonical_hex(notice()),
            "01019c1a2b3c4d7e5f8a6b7c8d9e0f1a2b000000000000000100000000002a00000000000000"
            "000000000ec82ba43166cc5ed06300ea332d538c845b7d7529b2ad719257e533b5b6bb7d21");
  EXPECT_EQ(canonical_hex(bytes_in()),
            "01019c1a2b3c4d7e5f8a6b7c8d9e0f1a2b00000000000000020000000100010000000059682f"
            "0000000003daabe1eba80ea04b38024c088a7b14f4455df4aa304b9c6b05450fd758576dad");
  EXPECT_EQ(canonical_bytes(kSession, bytes_in(), Hash{}).size(), 75u);
}

TEST(Frame, leaves_and_root_are_those_of_the_worked_example) {
  const Hash first = leaf_hash(kSession, commit_key(), notice());
  const Hash second = leaf_hash(kSession, commit_key(), bytes_in());
  EXPECT_EQ(to_hex(view(first)),
            "1ef345ff49d82364ce6fbe2989e09715a9d4bf3c192ae708d2bc6aaa54a4e04d");
  EXPECT_EQ(to_hex(view(second)),
            "a07ca47a0bd94fb6bcf04d29c2129a077be8856881a014e9f8bfffb8542138b5");
  CompactRange range;
  range.append(first);
  EXPECT_EQ(range.root(), first);
  range.append(second);
  EXPECT_EQ(to_hex(view(range.root())),
            "c46cbd210c0054aae1fcd1ed0407bd06a719fb847def6fa0df3053a1049da008");
}

TEST(Frame, stored_batch_is_that_of_the_worked_example) {
  const EncodedBatch batch = encode_batch({notice(), bytes_in()});
  EXPECT_EQ(batch.codec, kCodecPlain);
  EXPECT_EQ(to_hex(batch.data),
            "00000000002a00000000000000000000000e0000000474657874000000026869000000010001"
            "0000000059682f00000000036c730d");
}

TEST(Frame, every_part_changes_the_leaf) {
  const Hash leaf = leaf_hash(kSession, commit_key(), bytes_in());
  Frame changed[5] = {bytes_in(), bytes_in(), bytes_in(), bytes_in(), bytes_in()};
  changed[0].seq++;
  changed[1].channel++;
  changed[2].kind = FrameKind::kOut;
  changed[3].offset_ns++;
  changed[4].payload[0]++;
  for (const Frame& frame : changed) EXPECT_NE(leaf_hash(kSession, commit_key(), frame), leaf);
  EXPECT_NE(leaf_hash(SessionId(), commit_key(), bytes_in()), leaf);
  EXPECT_NE(leaf_hash(kSession, std::string(32, 'k'), bytes_in()), leaf);
}

TEST(Frame, only_kinds_of_the_table_are_known) {
  int known = 0;
  for (uint32_t kind = 0; kind <= 70000; kind++) known += is_known(kind) ? 1 : 0;
  EXPECT_EQ(known, 29);
  for (uint32_t kind : {0u, 4u, 15u, 20u, 31u, 59u, 65536u + 1u})
    EXPECT_FALSE(is_known(kind)) << kind;
  EXPECT_EQ(kind_name(FrameKind::kRequestIn), "request_in");
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
