// The calls about the log.
#include <gtest/gtest.h>

#include "log/checkpoint.h"
#include "log/entry.h"
#include "tests/unit/auditd/service_fixture.h"

namespace gatetape::auditd {
namespace {

constexpr char kOrigin[] = "gw.gatetape/log";

class ServiceLogTest : public ServiceTest {
 protected:
  void SetUp() override {
    log_trust_.origin = kOrigin;
    log_trust_.keys = {signer_.verifier_key()};
    ServiceTest::SetUp();
  }
  void store_checkpoint(int64_t n, const std::string& note) {
    ASSERT_TRUE(owner_
                    ->execute("insert into gatetape.checkpoint (n, size, epoch, note) values "
                              "($1::bigint, 0, 1, $2::bytea)",
                              {PgParam::int8(n), PgParam::bytea(note)})
                    .ok());
  }
  v1::LogStatus log() {
    grpc::ClientContext context;
    v1::LogStatus response;
    status_ = stub_->GetLog(&context, {}, &response);
    return response;
  }

  NoteSigner signer_{kOrigin, NoteKeyType::kEd25519, SigningKey::generate()};
};

TEST_F(ServiceLogTest, the_newest_checkpoint_is_shown_with_the_key) {
  EXPECT_FALSE(log().has_newest());
  const SignedNote note = sign_checkpoint({kOrigin, {0, empty_root()}, {}}, signer_);
  store_checkpoint(1, note.to_text());
  const v1::LogStatus shown = log();
  EXPECT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_EQ(shown.origin(), kOrigin);
  EXPECT_EQ(shown.vkey(), signer_.verifier_key().to_text());
  EXPECT_EQ(shown.newest().n(), 1u);
  EXPECT_EQ(shown.newest().root(), view(empty_root()));
  EXPECT_EQ(shown.newest().fault(), "");
  EXPECT_EQ(shown.health().sequencer(), "off");
  EXPECT_EQ(log_.events().back().get("method"), "GetLog");
}

TEST_F(ServiceLogTest, a_checkpoint_that_the_log_key_did_not_sign_is_named) {
  const NoteSigner other{kOrigin, NoteKeyType::kEd25519, SigningKey::generate()};
  store_checkpoint(1, sign_checkpoint({kOrigin, {0, empty_root()}, {}}, signer_).to_text());
  store_checkpoint(2, sign_checkpoint({kOrigin, {0, empty_root()}, {}}, other).to_text());
  grpc::ClientContext context;
  const auto listed = all<v1::LogCheckpoint>(stub_->ListCheckpoints(&context, {}), &status_);
  ASSERT_EQ(listed.size(), 2u) << status_.error_message();
  EXPECT_EQ(listed[0].fault(), "");
  EXPECT_NE(listed[1].fault(), "");
  EXPECT_EQ(listed[1].root(), "");
}

TEST_F(ServiceLogTest, an_entry_that_waits_is_a_lag_when_nobody_sequences) {
  EXPECT_EQ(log().health().lag_s(), 0);
  const HeadsEntry heads{std::string(kRunBytes, 'a'), 1, 1, 1, merkle_leaf("a line")};
  const std::string entry = LogEntry::signed_by(recorder_, heads).to_text();
  for (const std::string& one : {std::string("forged"), entry})
    ASSERT_TRUE(owner_
                    ->execute("insert into gatetape.log_entry values ($1::bytea, $2::bytea, now() "
                              "- interval '1 hour')",
                              {PgParam::bytea(view(merkle_leaf(one))), PgParam::bytea(one)})
                    .ok());
  EXPECT_NEAR(log().health().lag_s(), 3600, 60);
  grpc::ClientContext context;
  v1::HealthResponse health;
  ASSERT_TRUE(stub_->Health(&context, {}, &health).ok());
  EXPECT_NEAR(health.log().lag_s(), 3600, 60);
}

}  // namespace
}  // namespace gatetape::auditd
