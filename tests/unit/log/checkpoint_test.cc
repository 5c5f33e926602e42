#include "log/checkpoint.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bytes.h"

namespace gatetape {
namespace {

// The example of C2SP tlog-cosignature.
constexpr char kText[] =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
constexpr char kSignatures[] =
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGz"
    "Gku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1"
    "nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

struct Parties {
  NoteSigner log{"gw.gatetape/log", NoteKeyType::kEd25519, SigningKey::generate()};
  NoteSigner witness{"witness.example/w1", NoteKeyType::kCosignature, SigningKey::generate()};
  Checkpoint checkpoint{"gw.gatetape/log", {7, merkle_leaf("x")}, ""};

  std::string cosigned() const {
    SignedNote note = sign_checkpoint(checkpoint, log);
    note.sign(witness, 1700000000);
    return note.to_text();
  }
  absl::StatusOr<TrustedCheckpoint> open(const std::string& bytes) const {
    return open_checkpoint(bytes, log.name, {log.verifier_key(), witness.verifier_key()});
  }
};

TEST(Checkpoint, the_example_of_c2sp_is_read_and_written) {
  const auto note = SignedNote::parse(std::string(kText) + "\n" + kSignatures);
  ASSERT_TRUE(note.ok()) << note.status();
  const auto checkpoint = Checkpoint::parse(note->text);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->origin, "example.com/behind-the-sofa");
  EXPECT_EQ(checkpoint->tree.size, 20852163U);
  EXPECT_EQ(to_base64(view(checkpoint->tree.root)), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
  EXPECT_EQ(checkpoint->to_text(), kText);
  uint64_t time_s = 0;
  EXPECT_TRUE(cosignature_time(note->signatures[1].bytes, &time_s));
  EXPECT_EQ(time_s, 1679315147U);
}

TEST(Checkpoint, extension_lines_are_kept) {
  const std::string text = std::string(kText) + "one\ntwo\n";
  EXPECT_EQ(Checkpoint::parse(text)->to_text(), text);
  EXPECT_EQ(Checkpoint::parse(text)->extensions, "one\ntwo\n");
}

TEST(Checkpoint, malformed_texts_are_refused) {
  const std::string root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  for (const std::string& bad :
       {std::string(), std::string("a\n1\n"), "\n1\n" + root, "a\n01\n" + root, "a\n\n" + root,
        "a\n-1\n" + root, "a\n9223372036854775808\n" + root, std::string("a\n1\nAAAA\n"),
        "a\n1\n" + root.substr(0, 43) + "\n", "a\n1\n" + root.substr(0, 44), "a\n1\n" + root + "\n",
        "a\n1\n" + root + "x\n\ny\n", "a\n1\n" + root + "x"})
    EXPECT_EQ(Checkpoint::parse(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
}

TEST(Checkpoint, a_cosigned_checkpoint_opens) {
  const Parties parties;
  const auto opened = parties.open(parties.cosigned());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->checkpoint.tree, parties.checkpoint.tree);
  ASSERT_EQ(opened->cosignatures.size(), 1U);
  EXPECT_EQ(opened->cosignatures[0].key.name, "witness.example/w1");
  EXPECT_EQ(opened->cosignatures[0].time_s, 1700000000U);
}

TEST(Checkpoint, no_changed_bit_leaves_both_signatures) {
  const Parties parties;
  const std::string bytes = parties.cosigned();
  for (size_t bit = 0; bit < 8 * bytes.size(); bit++) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    const auto opened = parties.open(changed);
    EXPECT_FALSE(opened.ok() && opened->cosignatures.size() == 1) << "bit " << bit;
  }
}

TEST(Checkpoint, only_a_key_of_the_log_makes_a_checkpoint_good) {
  Parties parties;
  const std::vector<VerifierKey> keys = {parties.log.verifier_key(),
                                         parties.witness.verifier_key()};
  const auto code = [&](const SignedNote& note) {
    return open_checkpoint(note.to_text(), "gw.gatetape/log", keys).status().code();
  };
  EXPECT_EQ(code(sign_checkpoint(parties.checkpoint, parties.log)), absl::StatusCode::kOk);

  SignedNote of_witness{parties.checkpoint.to_text(), {}};
  of_witness.sign(parties.witness, 1);
  EXPECT_EQ(code(of_witness), absl::StatusCode::kNotFound) << "a cosignature alone";

  Checkpoint other = parties.checkpoint;
  other.origin = "other.gatetape/log";
  EXPECT_EQ(code(sign_checkpoint(other, parties.log)), absl::StatusCode::kNotFound) << "origin";

  const NoteSigner thief{"gw.gatetape/log", NoteKeyType::kEd25519, SigningKey::generate()};
  EXPECT_EQ(code(sign_checkpoint(parties.checkpoint, thief)), absl::StatusCode::kNotFound) << "key";

  const NoteSigner other_log{"other", NoteKeyType::kEd25519, SigningKey::generate()};
  const auto opened =
      open_checkpoint(sign_checkpoint(parties.checkpoint, other_log).to_text(), "gw.gatetape/log",
                      {other_log.verifier_key(), parties.log.verifier_key()});
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kNotFound) << "the key of another log";

  SignedNote forged = sign_checkpoint(parties.checkpoint, parties.log);
  forged.signatures[0].bytes[5] = static_cast<char>(forged.signatures[0].bytes[5] ^ 1);
  EXPECT_EQ(code(forged), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace gatetape
