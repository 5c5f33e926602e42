// The verification of everything: its order, its bounds, and attacks that need more than one
// session.
#include "auditd/verify/verify_all.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auditd/verify/contiguity.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/stored_log.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Verdict;
using State = HeadsLine::State;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'900'000'000 * kSecond;

class HeldClock : public Clock {
 public:
  int64_t wall_ns() const override { return kNow; }
  int64_t mono_ns() const override { return kNow; }
};

// A log, a gateway's system session, and three closed sessions of it: 300, 200 and 100 s ago.
class VerifyAllTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = PgCluster::shared().create_record();
    owner_ = PgCluster::shared().connect(name);
    database_ = std::make_unique<Database>(DatabaseOptions{
        .conninfo = PgCluster::shared().conninfo(name, "gatetape_auditd"), .connections_max = 1});
    log_ = std::make_unique<StoredLog>(*owner_, recorder_);
    trust_.origin = StoredLog::kOrigin;
    trust_.keys = {log_->vkey()};
    log_->begin(kNow - 4000 * kSecond);
    run_ = make_system_session("gw1", kNow - 3600 * kSecond);
    store(*owner_, run_);
    log_->store_list({line_of(run_, State::kOpen)}, kNow - 3600 * kSecond);
    for (int i = 0; i < 3; i++) sessions_.push_back(record(kNow - (300 - 100 * i) * kSecond));
    log_->seal();
  }
  StoredSession record(int64_t at_ns) {
    StoredSession session = make_session(run_.id, "alice", "db1", "10.0.0.1:1", at_ns);
    run_.add(FrameKind::kSessionOpened, 0, Event{{"session", session.id.to_text()}});
    store(*owner_, run_);
    store(*owner_, session);
    log_->store_list({line_of(session, State::kOpen)}, at_ns);
    session.end("exit");
    store(*owner_, session);
    store_head(*owner_, session, writer_, recorder_);
    log_->store_list({line_of(session, State::kClose)}, at_ns + 5 * kSecond);
    return session;
  }
  void tamper(const std::string& sql) {
    ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
    const auto done = owner_->execute(sql);
    ASSERT_TRUE(done.ok()) << done.status();
  }
  void remove(const SessionId& session, const std::vector<std::string>& tables) {
    for (const std::string& table : tables)
      tamper("delete from gatetape." + table + " where session_id = '" + session.to_text() + "'");
  }
  std::vector<Verdict> verify(const VerifyRange& range = {}) {
    std::vector<Verdict> verdicts;
    VerifyAll all({.trusted = trusted_,
                   .log = trust_,
                   .clock = clock_,
                   .lease = [this] { return database_->lease(); }},
                  range);
    const absl::Status status = all.run([&](const Verdict& verdict) {
      verdicts.push_back(verdict);
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return verdicts;
  }
  // tampered returns "ID: detail" of each verdict that accuses somebody.
  std::vector<std::string> tampered() {
    std::vector<std::string> lines;
    for (const Verdict& verdict : verify())
      if (verdict.result() == Verdict::RESULT_TAMPERED)
        lines.push_back((verdict.session_id().empty()
                             ? std::string("-")
                             : SessionId::from_bytes(verdict.session_id())->to_text()) +
                        ": " + verdict.detail());
    return lines;
  }

  HeldClock clock_;
  LogTrust trust_;
  SigningKey writer_ = SigningKey::generate();
  SigningKey recorder_ = SigningKey::generate();
  TrustedKeys trusted_{{writer_.public_key()}, {recorder_.public_key()}};
  std::unique_ptr<PgConnection> owner_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<StoredLog> log_;
  StoredSession run_;
  std::vector<StoredSession> sessions_;
};

TEST_F(VerifyAllTest, an_untouched_record_accuses_nobody) {
  const std::vector<Verdict> verdicts = verify();
  ASSERT_EQ(verdicts.size(), 4u);
  for (const Verdict& verdict : verdicts) {
    EXPECT_NE(verdict.result(), Verdict::RESULT_TAMPERED) << verdict.detail();
    EXPECT_EQ(verdict.sessions(), 4u);
  }
}

TEST_F(VerifyAllTest, a_range_of_sessions_is_verified_and_can_go_on) {
  VerifyRange range;
  range.since_ns = kNow - 250 * kSecond;
  std::vector<Verdict> verdicts = verify(range);
  ASSERT_EQ(verdicts.size(), 2u);
  EXPECT_EQ(verdicts[0].session_id(), sessions_[1].id.bytes());
  range.after = sessions_[1].id;
  verdicts = verify(range);
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].session_id(), sessions_[2].id.bytes());
  EXPECT_EQ(verdicts[0].sessions(), 1u);
  range = {};
  range.until_ns = kNow - 150 * kSecond;
  EXPECT_EQ(verify(range).size(), 3u);
}

TEST_F(VerifyAllTest, without_a_log_key_the_log_is_said_not_to_be_checked) {
  trust_.keys.clear();
  EXPECT_EQ(verify().front().detail(), "the log was not checked: this auditd has no log key");
}

TEST_F(VerifyAllTest, a_system_session_that_was_cut_and_the_session_it_named_are_named) {
  run_.add(FrameKind::kStop, 0,
           Event{{"reason", "signal"}, {"ended_at", std::to_string(kNow - 90 * kSecond)}});
  store(*owner_, run_);
  store_head(*owner_, run_, writer_, recorder_);
  log_->store_list({line_of(run_, State::kClose)}, kNow - 90 * kSecond);
  log_->seal();
  ASSERT_THAT(tampered(), testing::IsEmpty());
  const std::string run = run_.id.to_text();
  remove(run_.id, {"head", "session_end"});
  tamper("delete from gatetape.event where seq > 3 and session_id = '" + run + "'");
  tamper("delete from gatetape.frames where first_seq > 3 and session_id = '" + run + "'");
  remove(sessions_[2].id, {"frames", "session_key", "head", "session", "session_end", "event"});
  EXPECT_THAT(tampered(),
              testing::UnorderedElementsAre(
                  testing::StartsWith(run + ": frames 4-5 missing from the end; the heads list of"),
                  testing::StartsWith(sessions_[2].id.to_text() +
                                      ": it is not stored, but the log has its open line of ")));
}

TEST_F(VerifyAllTest, a_session_that_nothing_names_but_its_lines_is_named) {
  remove(sessions_[1].id,
         {"frames", "session_key", "head", "session", "session_end", "event", "session_heads"});
  const auto lines = tampered();
  EXPECT_THAT(lines, testing::Contains(testing::StartsWith(
                         sessions_[1].id.to_text() +
                         ": it is not stored, but the log has its open line of ")));
}

}  // namespace
}  // namespace gatetape::auditd
