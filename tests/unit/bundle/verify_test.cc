#include "bundle/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/bytes.h"
#include "tests/support/bundle_maker.h"

namespace gatetape {
namespace {

using testing::HasSubstr;

const SessionId kSession = *SessionId::from_text("019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b");

const BundleSigners& signers() {
  static const BundleSigners all = BundleSigners::generate();
  return all;
}

BundleReport verify(const std::string& file, const BundleKeys& keys = signers().keys()) {
  const auto report = verify_bundle(TextSource(file), keys);
  CHECK(report.ok(), report.status());
  return *report;
}

// words returns the first letters of the verdicts, in order.
std::string words(const BundleReport& report) {
  std::string text;
  for (const BundleVerdict& verdict : report.verdicts) text += judgement_word(verdict.judgement)[0];
  return text;
}

std::string words(const BundleText& text) { return words(verify(text.write())); }

BundleMaker shell(bool ended = true) { return {signers(), plan_of_shell(kSession, ended)}; }

TEST(VerifyBundle, a_closed_session_is_proven) {
  const BundleReport report = verify(shell().make().write());
  EXPECT_EQ(words(report), "GGGGGGU") << report.verdicts[0].to_line();
  EXPECT_TRUE(report.is_proven());
  EXPECT_EQ(report.verdicts[3].to_line(),
            "NOT-AFTER GOOD  it existed at 2026-11-30T00:53:21Z, when the witness "
            "witness.example/w1 cosigned it");
}

TEST(VerifyBundle, each_kind_of_session_has_its_verdicts) {
  const auto live = verify(shell(false).make().write());
  EXPECT_EQ(words(live), "GUGGGGU");
  EXPECT_FALSE(live.is_proven());
  BundlePlan redacted = plan_of_shell(kSession);
  redacted.redaction.without_input = true;
  const auto without_input = verify(BundleMaker(signers(), redacted).make().write());
  EXPECT_EQ(words(without_input), "GGGGGUU");
  EXPECT_TRUE(without_input.is_proven());
  EXPECT_THAT(without_input.verdicts[5].reason, HasSubstr("2 frames of the kind in with 3 bytes"));
  BundleText unsigned_head = shell().make();
  unsigned_head.members.erase("head");
  EXPECT_EQ(words(unsigned_head), "GUGGGGU");
  BundleText before_the_log = shell().make();
  for (const char* name : {"lines/open", "lines/close", "entries/3", "entries/6"})
    before_the_log.members.erase(name);
  EXPECT_EQ(words(before_the_log), "GUUUUGU");
  BundlePlan version1 = plan_of_shell(kSession);
  version1.version = FormatVersion::k1;
  EXPECT_EQ(words(BundleMaker(signers(), version1).make()), "GGGGGGU");
}

// Change is a change of the members of a bundle, and the verdicts that follow.
struct Change {
  const char* name;
  std::function<void(BundleText&)> change;
  const char* words;
};

std::vector<Change> changes_of_frames() {
  BundlePlan other_plan =
      plan_of_shell(*SessionId::from_text("019c1a2b-0000-7000-8000-0000000000ff"));
  other_plan.commit_key = std::string(kCommitKeyBytes, 'x');
  const BundleText other = BundleMaker(signers(), other_plan).make();
  const BundleText live = shell(false).make();
  return {
      {"a payload", [](BundleText& b) { b.members["frames"].back() ^= 1; }, "BGGGGGU"},
      {"a frame key", [](BundleText& b) { b.members["frame_keys"][7] ^= 1; }, "BGGGGGU"},
      {"frames of another session",
       [other](BundleText& b) {
         b.members["frames"] = other.members.at("frames");
         b.members["frame_keys"] = other.members.at("frame_keys");
       },
       "BGGGGGU"},
      {"the head of another session",
       [other](BundleText& b) { b.members["head"] = other.members.at("head"); }, "BUUUUUU"},
      {"the last frame is missing",
       [live](BundleText& b) {
         b.members["frames"] = live.members.at("frames");
         b.members["frame_keys"] = live.members.at("frame_keys");
         b.manifest.frames = live.manifest.frames;
       },
       "BBGGGGU"},
  };
}

std::vector<Change> changes_of_the_log() {
  return {
      {"the checkpoint has another signature",
       [](BundleText& b) {
         auto note = *SignedNote::parse(b.members["checkpoint"]);
         note.signatures[0].bytes[9] ^= 1;
         b.members["checkpoint"] = note.to_text();
       },
       "GGBUUGU"},
      {"the checkpoint has no signature of the log",
       [](BundleText& b) {
         auto note = *SignedNote::parse(b.members["checkpoint"]);
         note.signatures.erase(note.signatures.begin());
         b.members["checkpoint"] = note.to_text();
       },
       "GGUUUGU"},
      {"no cosignature",
       [](BundleText& b) {
         auto note = *SignedNote::parse(b.members["checkpoint"]);
         note.signatures.pop_back();
         b.members["checkpoint"] = note.to_text();
       },
       "GGGUGGU"},
      {"the proof of another leaf",
       [](BundleText& b) {
         auto entry = *BundleEntry::parse(6, b.members["entries/6"]);
         entry.proof = BundleEntry::parse(3, b.members["entries/3"])->proof;
         b.members["entries/6"] = entry.to_text();
       },
       "GGBUUGU"},
      {"the line is another one of its list",
       [](BundleText& b) {
         auto line = *BundleLine::parse(b.members["lines/close"]);
         line.index++;
         b.members["lines/close"] = line.to_text();
       },
       "GGBUUGU"},
  };
}

std::vector<Change> changes_of_keys() {
  return {
      {"a signature of the head",
       [](BundleText& b) {
         auto head = *SignedHead::parse(b.members["head"]);
         head.recorder_signature[3] ^= 1;
         b.members["head"] = head.to_text();
       },
       "GGGGBGU"},
      {"the head is signed by a key that is not registered",
       [](BundleText& b) {
         auto head = *SignedHead::parse(b.members["head"]);
         const SigningKey own = SigningKey::generate();
         head.recorder = own.public_key();
         head.recorder_signature = own.sign(head.head.signed_text());
         b.members["head"] = head.to_text();
       },
       "GGGGBGU"},
      {"the key of the recorder is not shown", [](BundleText& b) { b.members.erase("entries/1"); },
       "GGGGBGU"},
      {"the entry of a line is not shown", [](BundleText& b) { b.members.erase("entries/6"); },
       "BUUUUUU"},
      {"a redaction that the manifest invents",
       [](BundleText& b) {
         b.manifest.left_out = {{1, 1, 1}};
       },
       "GGGGGBU"},
  };
}

TEST(VerifyBundle, what_is_changed_is_named) {
  for (const auto& changes : {changes_of_frames(), changes_of_the_log(), changes_of_keys()}) {
    for (const Change& change : changes) {
      BundleText bundle = shell().make();
      change.change(bundle);
      const BundleReport report = verify(bundle.write());
      EXPECT_EQ(words(report), change.words) << change.name;
      EXPECT_EQ(report.is_proven(), std::string(change.words) == "GGGUGGU") << change.name;
    }
  }
}

TEST(VerifyBundle, a_redaction_that_became_a_disclosure_is_bad) {
  BundlePlan plan = plan_of_shell(kSession);
  plan.redaction.without_input = true;
  BundleText redacted = BundleMaker(signers(), plan).make();
  plan.redaction = {};
  plan.frames[3].payload = "r";  // the user typed another letter
  plan.frames[4].payload = "m\r";
  const BundleText invented = BundleMaker(signers(), plan).make();
  redacted.members["frames"] = invented.members.at("frames");
  redacted.members["frame_keys"] = invented.members.at("frame_keys");
  EXPECT_EQ(words(redacted), "BGGGGBU");
  redacted.manifest.left_out.clear();
  EXPECT_EQ(words(redacted), "BGGGGGU");
}

TEST(VerifyBundle, no_short_payload_fits_a_redacted_commitment) {
  BundlePlan plan = plan_of_shell(kSession);
  plan.redaction.without_input = true;
  const BundleText bundle = BundleMaker(signers(), plan).make();
  const std::string& all_keys = bundle.members.at("frame_keys");
  std::vector<std::string> disclosed;
  for (size_t at = 0; at < all_keys.size(); at += kCommitKeyBytes)
    disclosed.push_back(all_keys.substr(at, kCommitKeyBytes));
  std::vector<Hash> commitments;
  for (const Frame& frame : plan.frames)
    if (plan.redaction.leaves_out(frame)) commitments.push_back(plan.keys().commitment(frame));
  ASSERT_EQ(commitments.size(), 2U);
  size_t tried = 0;
  for (const std::string& key : disclosed) {
    for (uint32_t value = 0; value < 0x10100; value++, tried++) {
      std::string payload(1, static_cast<char>(value));
      if (value >= 0x100) payload += static_cast<char>((value - 0x100) >> 8);
      const Hash commitment = hmac_sha256(key, payload);
      for (const Hash& redacted : commitments) ASSERT_NE(commitment, redacted);
    }
  }
  EXPECT_EQ(tried, disclosed.size() * (256 + 65536));
}

TEST(VerifyBundle, each_flipped_byte_and_each_cut_is_noticed) {
  const std::string file = shell().make().write();
  for (size_t at = 0; at < file.size(); at++) {
    std::string flipped = file;
    flipped[at] ^= static_cast<char>(1 << (at % 8));
    ASSERT_EQ(words(verify(flipped)), "BUUUUUU") << at;
  }
  for (size_t size = 0; size < file.size(); size += 64)
    ASSERT_EQ(words(verify(file.substr(0, size))), "BUUUUUU") << size;
  EXPECT_EQ(words(verify(file + std::string(512, '\0'))), "BUUUUUU");
}

TEST(VerifyBundle, keys_count_only_before_they_sign_and_until_they_retire) {
  const PublicKey recorder = signers().recorder.public_key();
  BundleMaker retired(signers(), plan_of_shell(kSession));
  retired.add_key("recorder", recorder, KeyEntry::Action::kRetire);
  EXPECT_EQ(words(retired.make()), "GGGGGGU") << "it was retired after it signed";
  retired.add_list(HeadsLine::State::kClose, retired.plan().frames.size());
  EXPECT_EQ(words(retired.make()), "GGGGBGU") << "it signed the newer line after it was retired";
  retired.add_key("recorder", recorder);
  retired.add_list(HeadsLine::State::kClose, retired.plan().frames.size());
  EXPECT_EQ(words(retired.make()), "GGGGBGU") << "the list in between is still there";
}

TEST(VerifyBundle, a_log_key_that_the_old_one_registered_is_trusted) {
  BundleSigners rotated = signers();
  BundleMaker maker(signers(), plan_of_shell(kSession));
  rotated.log.key = SigningKey::generate();
  maker.add_key("log", rotated.log.key.public_key());
  BundleText bundle = maker.make();
  const Checkpoint checkpoint{rotated.log.name, maker.tree().head(), ""};
  bundle.members["checkpoint"] = sign_checkpoint(checkpoint, rotated.log).to_text();
  EXPECT_EQ(words(bundle), "GGGUGGU");
  maker.add_key("log", rotated.log.key.public_key(), KeyEntry::Action::kRetire);
  bundle = maker.make();
  const Checkpoint newer{rotated.log.name, maker.tree().head(), ""};
  bundle.members["checkpoint"] = sign_checkpoint(newer, rotated.log).to_text();
  EXPECT_EQ(words(bundle), "GGUUUGU");
}

TEST(VerifyBundle, a_key_of_another_log_proves_nothing) {
  const BundleSigners stranger = BundleSigners::generate();
  const std::string file = shell().make().write();
  EXPECT_EQ(words(verify(file, stranger.keys())), "GGUUUGU");
}

TEST(VerifyBundle, an_age_file_is_named) {
  const BundleReport report =
      verify("age-encryption.org/v1\n-> X25519 abc\n" + std::string(600, 'x'));
  EXPECT_EQ(words(report), "BUUUUUU");
  EXPECT_THAT(report.verdicts[0].reason, HasSubstr("decrypt it"));
}

}  // namespace
}  // namespace gatetape
