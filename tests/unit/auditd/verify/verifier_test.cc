#include "auditd/verify/verifier.h"

#include <gtest/gtest.h>

#include "auditd/read/batch_pager.h"
#include "base/bytes.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/stored_session.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Verdict;

constexpr int64_t kNow = 1'900'000'000'000'000'000;

class HeldClock : public Clock {
 public:
  int64_t wall_ns() const override { return now_ns; }
  int64_t mono_ns() const override { return now_ns; }
  int64_t now_ns = kNow;
};

class VerifierTest : public testing::Test {
 protected:
  void SetUp() override {
    PgCluster& cluster = PgCluster::shared();
    // Ids are fresh in each test, so one database serves all.
    static const std::string database = cluster.create_record();
    owner_ = cluster.connect(database);
    reader_ = cluster.open(database, "gatetape_auditd");
    trusted_ = {{writer_.public_key()}, {recorder_.public_key()}};
    session_ = make_session(run_, "alice", "db1", "10.0.0.1:4022", kNow - 60'000'000'000);
    session_.add(FrameKind::kChannelOpen, 1, Event{{"type", "session"}});
    session_.request("exec", std::string("\0\0\0\5df -h", 9));
    store(*owner_, session_);
    session_.add(FrameKind::kOut, 1, "disk full\n").add(FrameKind::kIn, 1, "q");
    store(*owner_, session_);
    session_.end("exit");
    store(*owner_, session_);
  }
  void sign() { store_head(*owner_, session_, writer_, recorder_); }
  Verdict verify() {
    auto verdict = Verifier(*reader_, trusted_, clock_).verify(session_.id);
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return verdict.ok() ? *verdict : Verdict();
  }
  // What someone with the database's password could do; $1 is the session.
  void tamper(const std::string& sql) {
    ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
    const auto done = owner_->execute(sql, {PgParam::uuid(session_.id.bytes())});
    ASSERT_TRUE(done.ok()) << done.status();
  }
  void expect_tampered(const std::string& sql, uint64_t seq, const std::string& what) {
    sign();
    tamper(sql);
    const Verdict verdict = verify();
    EXPECT_EQ(verdict.result(), Verdict::RESULT_TAMPERED);
    EXPECT_EQ(verdict.first_bad_seq(), seq) << verdict.detail();
    EXPECT_NE(verdict.detail().find(what), std::string::npos) << verdict.detail();
  }

  HeldClock clock_;
  SigningKey writer_ = SigningKey::generate();
  SigningKey recorder_ = SigningKey::generate();
  TrustedKeys trusted_;
  SessionId run_ = SessionId::mint(kNow);
  StoredSession session_;
  std::unique_ptr<PgConnection> owner_;
  std::unique_ptr<Db> reader_;
};

// A backslash is stored as itself in version 1, and escaped in version 2.
TEST_F(VerifierTest, a_sessions_format_version_decides_the_text_of_its_rows) {
  for (const FormatVersion version : {FormatVersion::k1, FormatVersion::k2}) {
    session_ = make_session(run_, "alice", "db1", "10.0.0.1:4022", kNow - 60'000'000'000);
    session_.keys = CommitKeys(std::string(kCommitKeyBytes, 'k'), version);
    session_.add(FrameKind::kChannelOpen, 1, Event{{"type", "\\x1b"}});
    session_.request("exec", std::string("\0\0\0\4\\x1b", 8)).end("\\x1b");
    store(*owner_, session_);
    sign();
    EXPECT_EQ(verify().result(), Verdict::RESULT_INTACT) << verify().detail();
    tamper("update gatetape.session_end set reason = '\\x1b' where session_id = $1");
    EXPECT_EQ(verify().result() == Verdict::RESULT_INTACT, version == FormatVersion::k1);
  }
}

TEST_F(VerifierTest, closed_session_is_intact) {
  sign();
  const Verdict verdict = verify();
  EXPECT_EQ(verdict.result(), Verdict::RESULT_INTACT) << verdict.detail();
  EXPECT_EQ(verdict.frames(), 6u);
  const Hash root = session_.tree.root();
  EXPECT_EQ(verdict.root(), view(root));
  EXPECT_EQ(verdict.gateway_key_id(), writer_.public_key().id());
  EXPECT_EQ(verdict.recorder_key_id(), recorder_.public_key().id());
}

TEST_F(VerifierTest, ended_session_without_head_is_tampered_but_not_in_the_moment) {
  EXPECT_EQ(verify().result(), Verdict::RESULT_TAMPERED);
  clock_.now_ns = session_.started_at_ns + 6'000'000'000;  // one second after its end
  EXPECT_EQ(verify().result(), Verdict::RESULT_UNSIGNED);
}

TEST_F(VerifierTest, session_without_end_is_unsigned) {
  StoredSession open = make_session(run_, "bob", "db1", "10.0.0.1:1", kNow);
  store(*owner_, open);
  session_ = open;
  EXPECT_EQ(verify().result(), Verdict::RESULT_UNSIGNED);
}

TEST_F(VerifierTest, altered_frame_is_named) {
  expect_tampered(
      "update gatetape.frames set data = set_byte(data, octet_length(data) - 1, 7) "
      "where session_id = $1::uuid and first_seq = 4",
      4, "frames 4-5");
}

TEST_F(VerifierTest, dropped_rows_are_named) {
  expect_tampered("delete from gatetape.frames where session_id = $1::uuid and first_seq = 4", 4,
                  "frames 4-5 missing");
}

TEST_F(VerifierTest, dropped_tail_is_named) {
  expect_tampered("delete from gatetape.frames where session_id = $1::uuid and first_seq = 6", 6,
                  "frame 6 missing from the end");
}

TEST_F(VerifierTest, overlapping_row_is_named) {
  expect_tampered(
      "insert into gatetape.frames select session_id, 5, 5, root, 1, 0, codec, raw_bytes, data "
      "from gatetape.frames where session_id = $1::uuid and first_seq = 4",
      5, "stored twice");
}

TEST_F(VerifierTest, all_frames_dropped_is_tampered) {
  expect_tampered("delete from gatetape.frames where session_id = $1::uuid", 0, "missing");
}

TEST_F(VerifierTest, missing_commit_key_is_tampered) {
  expect_tampered("delete from gatetape.session_key where session_id = $1::uuid", 0, "commit key");
}

TEST_F(VerifierTest, foreign_head_is_tampered) {
  trusted_.writers = {SigningKey::generate().public_key()};
  sign();
  EXPECT_NE(verify().detail().find("not trusted"), std::string::npos);
}

TEST_F(VerifierTest, each_altered_session_column_is_named) {
  expect_tampered("update gatetape.session set user_name = 'bob' where session_id = $1::uuid", 1,
                  "user_name");
  tamper(
      "update gatetape.session set user_name = 'alice', source_ip = '10.0.0.2' "
      "where session_id = $1::uuid");
  EXPECT_NE(verify().detail().find("source_ip"), std::string::npos);
  tamper(
      "update gatetape.session set source_ip = '10.0.0.1', started_at = started_at - "
      "interval '1 hour' where session_id = $1::uuid");
  EXPECT_NE(verify().detail().find("started_at"), std::string::npos);
}

TEST_F(VerifierTest, missing_session_row_is_named) {
  expect_tampered("delete from gatetape.session where session_id = $1::uuid", 0,
                  "session row is missing");
}

TEST_F(VerifierTest, altered_end_is_named) {
  expect_tampered("update gatetape.session_end set reason = 'x' where session_id = $1::uuid", 6,
                  "session_end row's reason");
}

TEST_F(VerifierTest, missing_end_is_named) {
  expect_tampered("delete from gatetape.session_end where session_id = $1::uuid", 6,
                  "session_end row is missing");
}

TEST_F(VerifierTest, altered_event_text_is_named) {
  expect_tampered("update gatetape.event set text = 'ls' where session_id = $1::uuid and seq = 3",
                  3, "another text");
}

TEST_F(VerifierTest, altered_event_fields_are_named) {
  expect_tampered(
      "update gatetape.event set fields = fields || '{\"data\": \"x\"}' "
      "where session_id = $1::uuid and seq = 3",
      3, "another fields");
}

TEST_F(VerifierTest, missing_event_is_named) {
  expect_tampered("delete from gatetape.event where session_id = $1::uuid and seq = 3", 3,
                  "event row is missing");
}

TEST_F(VerifierTest, added_event_is_named) {
  expect_tampered(
      "insert into gatetape.event select session_id, 5, channel, kind, offset_ns, name, text, "
      "fields from gatetape.event where session_id = $1::uuid and seq = 3",
      5, "belongs to no event");
}

TEST_F(VerifierTest, added_event_behind_the_end_is_named) {
  expect_tampered(
      "insert into gatetape.event select session_id, 99, channel, kind, offset_ns, name, text, "
      "fields from gatetape.event where session_id = $1::uuid and seq = 3",
      99, "belongs to no event");
}

TEST_F(VerifierTest, added_event_before_the_beginning_is_named) {
  expect_tampered(
      "insert into gatetape.event select session_id, v.seq, channel, kind, offset_ns, name, text, "
      "fields from gatetape.event, (values (-1::bigint), (-9223372036854775808)) v (seq) "
      "where session_id = $1::uuid and event.seq = 3",
      0, "belongs to no event");
}

TEST_F(VerifierTest, a_source_with_a_mask_is_another) {
  expect_tampered(
      "update gatetape.session set source_ip = '10.0.0.1/8' where session_id = $1::uuid", 1,
      "source_ip");
}

TEST_F(VerifierTest, a_time_beyond_what_is_counted_is_another) {
  expect_tampered(
      "update gatetape.session set started_at = started_at + 2305843009213 * interval '1 second' "
      "+ 693952 * interval '1 microsecond' where session_id = $1::uuid",
      1, "started_at");
}

TEST_F(VerifierTest, a_second_row_of_what_has_one_is_named) {
  const std::string database = PgCluster::shared().create_record();  // which loses a key
  owner_ = PgCluster::shared().connect(database);
  reader_ = PgCluster::shared().open(database, "gatetape_auditd");
  ASSERT_TRUE(
      owner_->execute("alter table gatetape.session_end drop constraint session_end_one_row").ok());
  session_ = make_session(run_, "alice", "db1", "10.0.0.1:4022", kNow - 60'000'000'000);
  session_.end("exit");
  store(*owner_, session_);
  expect_tampered(
      "insert into gatetape.session_end select session_id, ended_at, 'x', detail, bytes_in, "
      "bytes_out, frames from gatetape.session_end where session_id = $1::uuid",
      0, "session_end");
}

// Rows are read in pages: wherever a page ends, a second row of an event is found.
TEST_F(VerifierTest, a_second_row_of_any_event_is_named) {
  const std::string database = PgCluster::shared().create_record();  // which loses a key
  owner_ = PgCluster::shared().connect(database);
  reader_ = PgCluster::shared().open(database, "gatetape_auditd");
  ASSERT_TRUE(owner_->execute("alter table gatetape.event drop constraint event_one_row").ok());
  session_ = make_session(run_, "alice", "db1", "10.0.0.1:4022", kNow);
  for (int i = 0; i < 12; i++)
    session_.add(FrameKind::kNotice, 0, Event{{"text", std::string(100'000, 'x')}});
  store(*owner_, session_);
  EXPECT_EQ(verify().result(), Verdict::RESULT_UNSIGNED) << verify().detail();
  for (int seq = 1; seq <= 13; seq++) {
    tamper(
        "insert into gatetape.event select session_id, seq, channel, kind, offset_ns, name, "
        "'forged', fields from gatetape.event where session_id = $1::uuid and seq = " +
        std::to_string(seq));
    EXPECT_EQ(verify().result(), Verdict::RESULT_TAMPERED) << seq;
    tamper("delete from gatetape.event where session_id = $1::uuid and text = 'forged'");
  }
}

TEST_F(VerifierTest, altered_channel_is_named) {
  expect_tampered("update gatetape.channel set type = 'x11' where session_id = $1::uuid", 2,
                  "channel 1");
}

TEST_F(VerifierTest, system_session_tells_of_sessions_that_are_gone) {
  const SessionId gone = SessionId::mint(kNow);
  StoredSession system = make_system_session("gw1", kNow - 100'000'000'000);
  const auto closed = [&](const std::string& id, const std::string& root) {
    Event event{{"session", id}, {"size", "6"}, {"root", root}};
    system.add(FrameKind::kSessionClosed, 0, event);
  };
  const Hash root = session_.tree.root();
  system.add(FrameKind::kSessionOpened, 0, Event{{"session", gone.to_text()}});
  closed(session_.id.to_text(), to_hex(view(root)));
  closed(session_.id.to_text(), to_hex(std::string(32, 'x')));
  system.add(FrameKind::kHeartbeat, 0, Event{{"wall_ns", "0"}});
  system.frames.back().offset_ns += 20'000'000'000;
  store(*owner_, system);
  Verifier verifier(*reader_, trusted_, clock_);
  ASSERT_TRUE(verifier.verify(system.id).ok());
  const std::vector<Verdict> claims = verifier.take_broken_claims();
  ASSERT_EQ(claims.size(), 2u);
  EXPECT_EQ(claims[0].session_id(), gone.bytes());
  EXPECT_NE(claims[0].detail().find("is not stored"), std::string::npos);
  EXPECT_EQ(claims[1].session_id(), session_.id.bytes());
  EXPECT_NE(claims[1].detail().find("another size or root"), std::string::npos);
}

TEST_F(VerifierTest, last_word_of_a_dying_gateway_is_no_claim) {
  StoredSession system = make_system_session("gw1", kNow);
  system.add(FrameKind::kSessionOpened, 0, Event{{"session", SessionId::mint(kNow).to_text()}});
  store(*owner_, system);
  Verifier verifier(*reader_, trusted_, clock_);
  ASSERT_TRUE(verifier.verify(system.id).ok());
  EXPECT_TRUE(verifier.take_broken_claims().empty());
}

TEST_F(VerifierTest, large_rows_behind_small_ones_come_a_few_at_a_time) {
  StoredSession big = make_session(run_, "bob", "db1", "10.0.0.1:9", kNow - 1000);
  for (int row = 0; row < 24; row++) {
    if (row >= 4)
      for (int i = 0; i < 4; i++) big.add(FrameKind::kOut, 1, std::string(kPayloadBytesMax, 'x'));
    else
      big.add(FrameKind::kOut, 1, "x");
    store(*owner_, big);
  }
  BatchPager pager(big.id);
  size_t rows = 0;
  for (auto page = pager.next(*reader_); page.ok() && !page->empty(); page = pager.next(*reader_)) {
    size_t bytes = 0;
    for (const StoredBatch& batch : *page) bytes += batch.raw_bytes;
    EXPECT_LT(bytes, 4 * kPayloadBytesMax + (4U << 20U) + 1024);
    rows += page->size();
  }
  EXPECT_EQ(rows, 24u);
}

TEST_F(VerifierTest, derived_rows_come_a_megabyte_at_a_time) {
  StoredSession session = make_session(run_, "dave", "db1", "10.0.0.1:1", kNow);
  for (uint32_t channel = 1; channel <= 40; channel++) {
    session.add(FrameKind::kChannelOpen, channel, Event{{"type", std::string(100'000, 't')}});
    session.add(FrameKind::kNotice, 0, Event{{"text", std::string(100'000, 'x')}});
  }
  store(*owner_, session);
  session_ = session;
  EXPECT_EQ(verify().result(), Verdict::RESULT_UNSIGNED) << verify().detail();
  tamper("delete from gatetape.channel where session_id = $1::uuid and channel = 40");
  EXPECT_NE(verify().detail().find("channel 40 is missing"), std::string::npos);
  tamper("update gatetape.event set text = 'x' where session_id = $1::uuid and seq = 80");
  tamper("insert into gatetape.channel values ($1::uuid, 40, 80, repeat('t', 100000))");
  EXPECT_EQ(verify().first_bad_seq(), 80u) << verify().detail();
}

TEST_F(VerifierTest, an_added_channel_is_named) {
  expect_tampered("insert into gatetape.channel values ($1::uuid, 7, 2, 'session')", 0,
                  "a row of channel 7");
}

TEST_F(VerifierTest, long_session_is_read_in_pages) {
  StoredSession session = make_session(run_, "carol", "db1", "10.0.0.1:1", kNow);
  for (int batch = 0; batch < 300; batch++) {
    for (int i = 0; i < 10; i++)
      session.add(FrameKind::kNotice, 0, Event{{"text", std::to_string(i)}});
    store(*owner_, session);
  }
  session_ = session;
  Verdict verdict = verify();
  EXPECT_EQ(verdict.result(), Verdict::RESULT_UNSIGNED) << verdict.detail();
  EXPECT_EQ(verdict.frames(), 3001u);
  tamper("update gatetape.event set text = 'x' where session_id = $1::uuid and seq = 2900");
  verdict = verify();
  EXPECT_EQ(verdict.first_bad_seq(), 2900u) << verdict.detail();
}

}  // namespace
}  // namespace gatetape::auditd
