#include "record/verify.h"

#include <gtest/gtest.h>

#include <utility>

#include "record/batch.h"
#include "record/head.h"

namespace gatetape {
namespace {

const SessionId kSession = SessionId::mint(1'700'000'000'000'000'000);
const CommitKeys kKeys(std::string(kCommitKeyBytes, 'k'));

// A session of five batches with three frames each: session_open, 13 x out, session_end.
class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    frames_.clear();
    for (uint64_t seq = 1; seq <= 15; seq++) {
      Frame frame{seq, 1, FrameKind::kOut, seq * 1000, "output " + std::to_string(seq)};
      if (seq == 1) frame = {seq, 0, FrameKind::kSessionOpen, 0, Event{{"user", "a"}}.encode()};
      if (seq == 15)
        frame = {seq, 0, FrameKind::kSessionEnd, 15'000, Event{{"reason", "exit"}}.encode()};
      frames_.push_back(frame);
    }
    batches_ = batches_of(frames_);
    head_ = head_of(frames_);
  }

  static std::vector<StoredBatch> batches_of(const std::vector<Frame>& frames) {
    std::vector<StoredBatch> batches;
    CompactRange tree;
    for (size_t at = 0; at < frames.size(); at += 3) {
      const std::vector<Frame> part(frames.begin() + static_cast<long>(at),
                                    frames.begin() + static_cast<long>(at + 3));
      StoredBatch batch = stored(part);
      for (const Frame& frame : part) tree.append(leaf_hash(kSession, kKeys, frame));
      batch.root = view(tree.root());
      batches.push_back(batch);
    }
    return batches;
  }
  // stored returns the row of some frames, without its root.
  // The encoder accepts consecutive numbers alone, and writes none of them.
  static StoredBatch stored(const std::vector<Frame>& part) {
    std::vector<Frame> numbered = part;
    for (size_t i = 0; i < numbered.size(); i++) numbered[i].seq = 1 + i;
    const EncodedBatch encoded = encode_batch(numbered);
    StoredBatch batch;
    batch.first_seq = part.front().seq;
    batch.last_seq = part.back().seq;
    for (const Frame& frame : part)
      if (frame.kind == FrameKind::kOut) batch.bytes_out += frame.payload.size();
    batch.codec = encoded.codec;
    batch.raw_bytes = encoded.raw_bytes;
    batch.data = encoded.data;
    return batch;
  }
  StoredHead head_of(const std::vector<Frame>& frames) {
    CompactRange tree;
    for (const Frame& frame : frames) tree.append(leaf_hash(kSession, kKeys, frame));
    const std::string text = SessionHead{kSession, tree.size(), tree.root()}.signed_text();
    return {tree.size(),        std::string(view(tree.root())), writer_.public_key().raw,
            writer_.sign(text), recorder_.public_key().raw,     recorder_.sign(text)};
  }
  // verify returns the complete verdict: the first problem of the frames, then of the head.
  std::optional<Problem> verify() {
    FrameVerifier verifier(kSession, kKeys);
    std::vector<Frame> out;
    for (const StoredBatch& batch : batches_)
      if (!verifier.add(batch, &out)) return verifier.problem();
    const TrustedKeys trusted{{writer_.public_key()}, {recorder_.public_key()}};
    return check_head(kSession, verifier.size(), verifier.root(), head_, trusted);
  }
  void expect_problem(uint64_t seq, const std::string& what) {
    const std::optional<Problem> problem = verify();
    ASSERT_TRUE(problem.has_value());
    EXPECT_EQ(problem->seq, seq) << problem->what;
    EXPECT_NE(problem->what.find(what), std::string::npos) << problem->what;
  }
  // Replaces frames 4-6 by others under the old root, which somebody with write access could do.
  void rewrite_batch(const std::vector<Frame>& part) {
    StoredBatch batch = stored(part);
    batch.root = batches_[1].root;
    batches_[1] = batch;
  }
  std::vector<Frame> second() const { return {frames_[3], frames_[4], frames_[5]}; }

  SigningKey writer_ = SigningKey::generate();
  SigningKey recorder_ = SigningKey::generate();
  std::vector<Frame> frames_;
  std::vector<StoredBatch> batches_;
  StoredHead head_;
};

TEST_F(VerifyTest, untouched_session_is_intact) {
  const std::optional<Problem> problem = verify();
  EXPECT_FALSE(problem.has_value()) << problem->what;
}

TEST_F(VerifyTest, what_was_read_is_told) {
  FrameVerifier verifier(kSession, kKeys);
  std::vector<Frame> out;
  for (const StoredBatch& batch : batches_) ASSERT_TRUE(verifier.add(batch, &out));
  EXPECT_EQ(verifier.size(), 15u);
  EXPECT_EQ(out.back().seq, 15u);
}

TEST_F(VerifyTest, flipped_byte_is_named) {
  std::vector<Frame> part = second();
  part[1].payload[0] ^= 1;
  rewrite_batch(part);
  expect_problem(4, "the content of frames 4-6 does not match the stored root");
}

TEST_F(VerifyTest, flipped_byte_of_a_single_frame_row_is_named) {
  frames_.resize(3);
  batches_.clear();
  CompactRange tree;
  for (Frame& frame : frames_) {
    tree.append(leaf_hash(kSession, kKeys, frame));
    if (frame.seq == 2) frame.payload = "outpuT 2";
    StoredBatch batch = stored({frame});
    batch.root = view(tree.root());
    batches_.push_back(batch);
  }
  expect_problem(2, "the content of frame 2");
}

TEST_F(VerifyTest, flipped_byte_of_the_stored_data_is_named) {
  batches_[2].data[batches_[2].data.size() - 1] ^= 1;
  expect_problem(7, "frames 7-9");
}

TEST_F(VerifyTest, every_field_is_under_the_root) {
  for (int field = 0; field < 3; field++) {
    SetUp();
    std::vector<Frame> part = second();
    if (field == 0) part[1].channel++;
    if (field == 1) part[1].offset_ns++;
    if (field == 2) part[1].payload += "x";
    rewrite_batch(part);
    expect_problem(4, "does not match the stored root");
  }
  SetUp();
  std::vector<Frame> part = second();
  part[1].kind = FrameKind::kErr;
  rewrite_batch(part);
  batches_[1].bytes_out += part[1].payload.size();
  expect_problem(4, "does not match the stored root");
}

TEST_F(VerifyTest, a_root_that_is_known_from_elsewhere_is_compared) {
  const auto verify_with = [this](std::vector<KnownRoot> known) {
    FrameVerifier verifier(kSession, kKeys);
    verifier.expect(std::move(known));
    std::vector<Frame> frames;
    for (const StoredBatch& batch : batches_)
      if (!verifier.add(batch, &frames)) return verifier.problem();
    return verifier.missing_tail();
  };
  const auto root_of = [this](uint64_t size) {
    CompactRange tree;
    for (uint64_t i = 0; i < size; i++) tree.append(leaf_hash(kSession, kKeys, frames_[i]));
    return tree.root();
  };
  EXPECT_FALSE(
      verify_with({{15, root_of(15), "it"}, {1, root_of(1), "it"}, {8, root_of(8), "it"}}));
  EXPECT_FALSE(verify_with({{8, root_of(8), "it"}, {8, root_of(8), "it"}}));
  struct Row {
    std::vector<KnownRoot> known;
    uint64_t seq;
    const char* what;
  };
  const Hash other = root_of(3);
  for (const Row& row : {
           Row{{{8, other, "a list"}}, 0, "frames 1-8 are not what a list names"},
           Row{{{8, other, "a list"}, {5, root_of(5), "b"}}, 0, "frames 6-8 are not what a list"},
           Row{{{1, other, "a list"}}, 1, "frame 1 is not what a list names"},
           Row{{{8, root_of(8), "a"}, {8, other, "b"}}, 8, "frame 8 is not what b names"},
           Row{{{16, other, "a list"}}, 16, "frame 16 missing from the end; a list named it"},
           Row{{{20, other, "a list"}}, 16, "frames 16-20 missing from the end; a list named them"},
       }) {
    const auto problem = verify_with(row.known);
    ASSERT_TRUE(problem) << row.what;
    EXPECT_EQ(problem->seq, row.seq) << problem->what;
    EXPECT_NE(problem->what.find(row.what), std::string::npos) << problem->what;
  }
}

TEST_F(VerifyTest, dropped_batch_is_named) {
  batches_.erase(batches_.begin() + 2);
  expect_problem(7, "frames 7-9 missing");
}

TEST_F(VerifyTest, dropped_frame_inside_a_batch_is_named) {
  StoredBatch batch = stored({frames_[3], frames_[4]});
  batch.last_seq = 6;
  batch.root = batches_[1].root;
  batches_[1] = batch;
  expect_problem(4, "frames 4-6");
}

TEST_F(VerifyTest, dropped_tail_is_named) {
  batches_.pop_back();
  expect_problem(13, "frames 13-15 missing from the end");
}

TEST_F(VerifyTest, doubled_batch_is_named) {
  batches_.insert(batches_.begin() + 2, batches_[1]);
  expect_problem(4, "stored twice");
}

TEST_F(VerifyTest, swapped_frames_are_named) {
  std::vector<Frame> part = second();
  std::swap(part[0].payload, part[1].payload);
  rewrite_batch(part);
  expect_problem(4, "does not match the stored root");
}

TEST_F(VerifyTest, going_back_in_time_is_named) {
  std::vector<Frame> part = second();
  std::swap(part[1].offset_ns, part[2].offset_ns);
  rewrite_batch(part);
  expect_problem(6, "smaller offset_ns than the frame before");
}

// A later version may know the kind. The leaf does not depend on what it means.
TEST_F(VerifyTest, a_kind_that_is_not_known_verifies) {
  frames_[4].kind = static_cast<FrameKind>(200);
  frames_[4].payload = "no event of ours";
  batches_ = batches_of(frames_);
  head_ = head_of(frames_);
  const std::optional<Problem> problem = verify();
  EXPECT_FALSE(problem.has_value()) << problem->what;
}

TEST_F(VerifyTest, a_payload_that_was_taken_away_is_named_although_its_leaf_is_right) {
  const Hash commitment = kKeys.commitment(frames_[4]);
  std::vector<Frame> part = second();
  part[1].absent = AbsentPayload{static_cast<uint32_t>(part[1].payload.size()), commitment};
  part[1].payload.clear();
  EXPECT_EQ(leaf_hash(kSession, kKeys, part[1]), leaf_hash(kSession, kKeys, frames_[4]));
  rewrite_batch(part);
  expect_problem(5, "frame 5 is stored without its payload");
}

TEST_F(VerifyTest, altered_facts_of_the_last_frame_are_named) {
  batches_[1].last_offset_ns = frames_[5].offset_ns;
  batches_[1].last_kind = static_cast<uint16_t>(frames_[5].kind);
  EXPECT_FALSE(verify().has_value());
  batches_[1].last_kind = 16;
  expect_problem(6, "the stored facts of frame 6");
  batches_[1].last_kind.reset();
  batches_[1].last_offset_ns = 1;
  expect_problem(6, "the stored facts of frame 6");
}

TEST_F(VerifyTest, a_session_of_format_version_1_verifies_under_its_own_keys_alone) {
  const CommitKeys old(std::string(kCommitKeyBytes, 'k'), FormatVersion::k1);
  StoredBatch batch = stored({frames_[0]});
  batch.root = view(leaf_hash(kSession, old, frames_[0]));
  std::vector<Frame> out;
  EXPECT_TRUE(FrameVerifier(kSession, old).add(batch, &out));
  EXPECT_FALSE(FrameVerifier(kSession, kKeys).add(batch, &out));
}

TEST_F(VerifyTest, event_that_does_not_decode_is_named) {
  std::vector<Frame> part = second();
  part[2].kind = FrameKind::kNotice;
  rewrite_batch(part);
  expect_problem(6, "event of frame 6 does not decode");
}

TEST_F(VerifyTest, frame_after_the_end_is_named) {
  for (const uint64_t seq : {16U, 17U, 18U})
    frames_.push_back({seq, 1, FrameKind::kOut, 20'000, "more"});
  batches_ = batches_of(frames_);
  expect_problem(16, "after the end of the session");
}

TEST_F(VerifyTest, inserted_tail_is_named) {
  frames_.pop_back();
  batches_.clear();
  head_ = head_of({frames_.begin(), frames_.begin() + 9});
  frames_.resize(12);
  batches_ = batches_of(frames_);
  expect_problem(10, "frames 10-12 added after the signed head");
}

TEST_F(VerifyTest, session_without_its_opening_is_named) {
  frames_[0].kind = FrameKind::kNotice;
  batches_ = batches_of(frames_);
  expect_problem(1, "does not open the session");
}

TEST_F(VerifyTest, altered_byte_count_is_named) {
  batches_[1].bytes_out++;
  expect_problem(4, "byte counts");
}

TEST_F(VerifyTest, rewritten_history_does_not_fit_the_head) {
  frames_[4].payload = "something else";
  batches_ = batches_of(frames_);  // with matching roots: a store that recomputed them
  expect_problem(0, "root of the signed head");
}

TEST_F(VerifyTest, bad_signature_is_named) {
  head_.gateway_signature[10] ^= 1;
  expect_problem(0, "gateway's signature");
  SetUp();
  head_.recorder_signature = head_.gateway_signature;
  expect_problem(0, "recorder's signature");
}

TEST_F(VerifyTest, stranger_key_is_named) {
  SigningKey stranger = SigningKey::generate();
  frames_[4].payload = "something else";
  batches_ = batches_of(frames_);
  std::swap(writer_, stranger);
  head_ = head_of(frames_);
  std::swap(writer_, stranger);
  expect_problem(0, "not trusted");
}

}  // namespace
}  // namespace gatetape
