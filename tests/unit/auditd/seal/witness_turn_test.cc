// What a witness is asked, and what its answers mean. The witness is WitnessCore itself.
#include "auditd/seal/witness_turn.h"

#include <gmock/gmock.h>

#include "log/witness_core.h"
#include "tests/unit/auditd/seal/seal_fixture.h"

namespace gatetape::auditd {
namespace {

using testing::HasSubstr;

class MemoryWitnessStore : public WitnessStore {
 public:
  absl::Status keep(const std::string&, const std::string&) override { return absl::OkStatus(); }
};

class WitnessTurnTest : public SealTest {
 protected:
  void SetUp() override { witness_.trust(signer_.verifier_key()); }

  SealedCheckpoint sealed(uint64_t size) {
    const Checkpoint checkpoint{kOrigin, tree_.head(size), {}};
    return {size, checkpoint.tree, sign_checkpoint(checkpoint, signer_)};
  }
  // exchange asks the witness once.
  std::optional<NoteSignature> exchange(const SealedCheckpoint& newest) {
    const auto body = turn_.ask(newest, tree_, 0);
    EXPECT_TRUE(body.ok()) << body.status();
    const WitnessAnswer answer = witness_.add_checkpoint(*body, 1000);
    return turn_.on_reply({answer.status, answer.content_type, answer.body}, 0);
  }
  // reply lets the witness answer something.
  std::optional<NoteSignature> reply(const WitnessReply& reply) {
    EXPECT_TRUE(turn_.ask(sealed(20), tree_, 0).ok());
    return turn_.on_reply(reply, 0);
  }

  MemoryTree tree_ = MemoryTree::of_size(40);
  NoteSigner cosigner_{"witness/w1", NoteKeyType::kCosignature, SigningKey::generate()};
  MemoryWitnessStore store_of_witness_;
  WitnessCore witness_{cosigner_, store_of_witness_};
  WitnessTurn turn_{cosigner_.verifier_key(), "http://w1"};
};

TEST_F(WitnessTurnTest, each_checkpoint_is_cosigned_once) {
  SealedCheckpoint newest = sealed(10);
  EXPECT_TRUE(turn_.is_due(newest, 0));
  const auto signature = exchange(newest);
  ASSERT_TRUE(signature.has_value()) << turn_.state().detail;
  newest.note.signatures.push_back(*signature);
  EXPECT_FALSE(turn_.is_due(newest, 0));
  EXPECT_TRUE(exchange(sealed(33)).has_value());
  EXPECT_EQ(turn_.state().cosigned_size, 33u);
  EXPECT_TRUE(turn_.state().is_ok);
}

TEST_F(WitnessTurnTest, the_size_is_learned_from_the_witness) {
  EXPECT_TRUE(exchange(sealed(10)).has_value());
  turn_ = WitnessTurn(cosigner_.verifier_key(), "http://w1");
  EXPECT_FALSE(exchange(sealed(20)).has_value());
  EXPECT_TRUE(turn_.state().is_ok);
  EXPECT_TRUE(turn_.is_due(sealed(20), 0)) << "at once";
  EXPECT_TRUE(exchange(sealed(20)).has_value());
}

TEST_F(WitnessTurnTest, one_request_is_under_way) {
  ASSERT_TRUE(turn_.ask(sealed(10), tree_, 0).ok());
  EXPECT_FALSE(turn_.is_due(sealed(20), 0));
}

TEST_F(WitnessTurnTest, another_history_is_refused_with_both_sizes) {
  EXPECT_TRUE(exchange(sealed(10)).has_value());
  tree_ = MemoryTree();
  for (int i = 0; i < 30; i++) tree_.append("another entry");
  EXPECT_FALSE(exchange(sealed(20)).has_value());
  EXPECT_TRUE(turn_.state().refuses);
  EXPECT_THAT(turn_.state().detail, HasSubstr("it has cosigned 10 leaves, and refuses 20"));
  EXPECT_FALSE(turn_.is_due(sealed(20), 9 * kSecond));
  EXPECT_TRUE(turn_.is_due(sealed(20), 10 * kSecond));
}

TEST_F(WitnessTurnTest, a_log_behind_the_witness_is_refused) {
  EXPECT_TRUE(exchange(sealed(30)).has_value());
  turn_ = WitnessTurn(cosigner_.verifier_key(), "http://w1");
  EXPECT_FALSE(exchange(sealed(20)).has_value());
  EXPECT_EQ(turn_.ask(sealed(20), tree_, 0).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(turn_.state().refuses);
  EXPECT_EQ(turn_.state().detail, "it has cosigned 30 leaves, and the log has 20");
}

TEST_F(WitnessTurnTest, an_answer_that_is_no_cosignature_is_a_fault) {
  const NoteSigner other{"witness/w1", NoteKeyType::kCosignature, SigningKey::generate()};
  SignedNote foreign = sealed(20).note, wrong = sealed(10).note;
  foreign.sign(other, 1000);
  wrong.sign(cosigner_, 1000);
  const struct {
    const char* name;
    WitnessReply reply;
    const char* detail;
  } kRows[] = {
      {"unreachable", {0, "", "w1: connection refused"}, "w1: connection refused"},
      {"busy", {503, "text/plain", "busy\nlater"}, "it answers 503 busy"},
      {"unknown", {404, "text/plain", ""}, "it answers 404 "},
      {"nothing", {200, "text/plain", ""}, "no cosignature of its key"},
      {"another key", {200, "", foreign.signatures[1].to_line()}, "no cosignature of its key"},
      {"another text", {200, "", wrong.signatures[1].to_line()}, "no cosignature of its key"},
      {"no size", {409, "text/x.tlog.size", "many\n"}, "409 makes no sense"},
      {"same size", {409, "text/x.tlog.size", "0\n"}, "409 makes no sense"},
  };
  for (const auto& row : kRows) {
    turn_ = WitnessTurn(cosigner_.verifier_key(), "http://w1");
    EXPECT_FALSE(reply(row.reply).has_value()) << row.name;
    EXPECT_FALSE(turn_.state().is_ok) << row.name;
    EXPECT_FALSE(turn_.state().refuses) << row.name;
    EXPECT_THAT(turn_.state().detail, HasSubstr(row.detail)) << row.name;
    EXPECT_FALSE(turn_.is_due(sealed(20), 0)) << row.name;
  }
}

}  // namespace
}  // namespace gatetape::auditd
