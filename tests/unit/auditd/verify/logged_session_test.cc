// What the log says of a session against what is stored of it.
#include "auditd/verify/logged_session.h"

#include <gtest/gtest.h>

#include "auditd/verify/verifier.h"
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
  int64_t wall_ns() const override { return now_ns; }
  int64_t mono_ns() const override { return now_ns; }
  int64_t now_ns = kNow;
};

// A log that began an hour ago, and a session that began ten minutes ago.
class LoggedSessionTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string database = PgCluster::shared().create_record();
    owner_ = PgCluster::shared().connect(database);
    reader_ = PgCluster::shared().open(database, "gatetape_auditd");
    log_ = std::make_unique<StoredLog>(*owner_, recorder_);
    log_->begin(kNow - 3600 * kSecond);
    StoredSession first = make_system_session("gw1", kNow - 3600 * kSecond);
    store(*owner_, first);
    log_->store_list({line_of(first, State::kOpen)}, kNow - 3600 * kSecond);
    log_->seal();
    session_ = make_session(first.id, "alice", "db1", "10.0.0.1:1", kNow - 600 * kSecond);
    add_and_store("one");
    open_ = line_of(session_, State::kOpen);
  }
  void add_and_store(const std::string& text) {
    session_.add(FrameKind::kNotice, 0, Event{{"text", text}});
    store(*owner_, session_);
  }
  void close() {
    session_.end("exit");
    store(*owner_, session_);
    store_head(*owner_, session_, writer_, recorder_);
  }
  void log_line(const HeadsLine& line, int64_t ago_s) {
    log_->store_list({line}, kNow - ago_s * kSecond);
    log_->seal();
  }
  // rewrite removes the rows of the session and stores other frames in their place.
  void rewrite(const std::vector<std::string>& texts) {
    StoredSession other = session_;
    other.frames.resize(1);
    other.tree = {};
    other.stored_frames = 0;
    remove({"frames", "session_key", "session", "event", "session_end", "head"});
    session_ = other;
    for (const std::string& text : texts)
      session_.add(FrameKind::kNotice, 0, Event{{"text", text}});
    store(*owner_, session_);
  }
  void remove(const std::vector<std::string>& tables) {
    ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
    for (const std::string& table : tables)
      ASSERT_TRUE(owner_
                      ->execute("delete from gatetape." + table + " where session_id = $1::uuid",
                                {PgParam::uuid(session_.id.bytes())})
                      .ok());
  }
  Verdict verify(const LogState* checked = nullptr) {
    trust_.origin = StoredLog::kOrigin;
    trust_.keys = {log_->vkey()};
    const auto verdict = Verifier(*reader_, trusted_, clock_, &trust_, checked).verify(session_.id);
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return verdict.ok() ? *verdict : Verdict();
  }
  void expect(Verdict::Result result, const std::string& what) {
    const Verdict verdict = verify();
    EXPECT_EQ(verdict.result(), result) << verdict.detail();
    EXPECT_NE(verdict.detail().find(what), std::string::npos) << verdict.detail();
  }
  void expect_tampered(const std::string& what) { expect(Verdict::RESULT_TAMPERED, what); }

  HeldClock clock_;
  LogTrust trust_;
  SigningKey writer_ = SigningKey::generate();
  SigningKey recorder_ = SigningKey::generate();
  TrustedKeys trusted_{{writer_.public_key()}, {recorder_.public_key()}};
  std::unique_ptr<PgConnection> owner_;
  std::unique_ptr<Db> reader_;
  std::unique_ptr<StoredLog> log_;
  StoredSession session_;
  HeadsLine open_;
};

TEST_F(LoggedSessionTest, a_closed_session_with_both_lines_is_intact) {
  log_line(open_, 600);
  close();
  log_line(line_of(session_, State::kClose), 500);
  expect(Verdict::RESULT_INTACT, "");
}

TEST_F(LoggedSessionTest,
       a_list_that_waits_for_its_place_counts_when_a_trusted_recorder_signed_it) {
  log_->store_list({open_}, kNow - 600 * kSecond);
  expect(Verdict::RESULT_UNSIGNED, "no end");
  trusted_.recorders = {SigningKey::generate().public_key()};
  expect_tampered("is not in the log, and no trusted recorder signed it");
}

TEST_F(LoggedSessionTest, a_session_that_no_list_names_was_invented) {
  expect_tampered("it was not recorded by a registered recorder");
  log_->store_list({open_}, kNow - 600 * kSecond, SigningKey::generate());
  expect_tampered("is not in the log, and no trusted recorder signed it");
  log_->add_leaf(log_->unsealed.front());  // a leaf that no checkpoint covers
  expect_tampered("is not in the log, and no trusted recorder signed it");
  log_->store_checkpoint(SigningKey::generate(), log_->tree.head());
  expect_tampered("is not in the log, and no trusted recorder signed it");
}

TEST_F(LoggedSessionTest, a_session_from_before_the_log_needs_no_line) {
  session_ = make_session(SessionId::mint(0), "bob", "db1", "10.0.0.1:1", kNow - 7200 * kSecond);
  store(*owner_, session_);
  expect(Verdict::RESULT_UNSIGNED, "recorded before the log began");
  session_ = make_session(SessionId::mint(0), "bob", "db1", "10.0.0.1:1", kNow - 7200 * kSecond);
  store(*owner_, session_);
  close();
  expect(Verdict::RESULT_INTACT, "recorded before the log began");
}

TEST_F(LoggedSessionTest, an_invented_session_with_an_old_id_is_no_older_than_its_start) {
  session_.id = SessionId::mint(kNow - 7200 * kSecond);
  session_.tree = {};
  session_.stored_frames = 0;
  const std::vector<Frame> frames = std::exchange(session_.frames, {});
  for (const Frame& frame : frames)
    session_.add(frame.kind, frame.channel, *Event::decode(frame.payload));
  store(*owner_, session_);
  expect_tampered("it was not recorded by a registered recorder");
}

TEST_F(LoggedSessionTest, an_interrupted_session_that_was_rewritten_is_named) {
  log_line(open_, 600);
  add_and_store("two");
  log_line(line_of(session_, State::kLive), 599);
  expect(Verdict::RESULT_UNSIGNED, "no end");
  rewrite({"one", "forged"});
  expect_tampered("frame 3 is not what the heads list of 2030-03-17T17:36:41.000Z names");
}

TEST_F(LoggedSessionTest, a_frame_among_several_that_was_rewritten_is_bounded) {
  log_line(open_, 600);
  add_and_store("two");
  add_and_store("three");
  log_line(line_of(session_, State::kLive), 599);
  rewrite({"one", "forged", "three"});
  expect_tampered("frames 3-4 are not what the heads list of");
  EXPECT_EQ(verify().first_bad_seq(), 0u);
  rewrite({"forged", "two", "three"});
  expect_tampered("frames 1-2 are not what the heads list of");
}

TEST_F(LoggedSessionTest, the_end_of_an_interrupted_session_that_was_cut_is_named) {
  log_line(open_, 600);
  add_and_store("two");
  add_and_store("three");
  log_line(line_of(session_, State::kLive), 599);
  rewrite({"one"});
  expect_tampered("frames 3-4 missing from the end; the heads list of 2030-03-17T17:36:41.000Z");
  EXPECT_EQ(verify().first_bad_seq(), 3u);
}

TEST_F(LoggedSessionTest, a_closed_session_that_was_cut_and_unsigned_is_named) {
  log_line(open_, 600);
  close();
  log_line(line_of(session_, State::kClose), 500);
  rewrite({"one"});
  expect_tampered("frame 3 missing from the end; the heads list of");
}

TEST_F(LoggedSessionTest, a_signed_head_that_was_removed_is_named) {
  log_line(open_, 600);
  log_line(line_of(session_, State::kClose), 500);
  expect_tampered("has its close line, but its signed head is missing");
}

TEST_F(LoggedSessionTest, a_head_that_no_list_closed_is_named) {
  log_line(open_, 600);
  close();
  expect_tampered("it has a signed head, but no heads list of the log has its close line");
}

TEST_F(LoggedSessionTest, a_deleted_session_is_named_by_its_line) {
  log_line(open_, 600);
  remove({"frames", "session_key", "session", "event"});
  expect_tampered("it is not stored, but the log has its open line of 2030-03-17T17:36:40.000Z");
}

TEST_F(LoggedSessionTest, a_list_that_was_removed_or_replaced_is_named) {
  log_line(open_, 600);
  ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
  ASSERT_TRUE(owner_
                  ->execute("update gatetape.heads set list = replace(encode(list, 'escape'), ' "
                            "2 ', ' 3 ')::bytea")
                  .ok());
  expect_tampered("which is said to have its open line, is not the one of its entry");
  ASSERT_TRUE(owner_->execute("delete from gatetape.heads").ok());
  expect_tampered("which is said to have its open line, is missing");
}

TEST_F(LoggedSessionTest, a_row_of_session_heads_for_another_list_is_named) {
  log_line(open_, 600);
  ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
  ASSERT_TRUE(owner_
                  ->execute("update gatetape.session_heads s set at = h.at, leaf = h.leaf from "
                            "(select at, leaf from gatetape.heads order by at limit 1) h")
                  .ok());
  expect_tampered("does not have its open line");
}

TEST_F(LoggedSessionTest, a_session_without_frames_for_a_day_is_unterminated) {
  log_line(open_, 600);
  clock_.now_ns = kNow + 86'400 * kSecond;
  expect(Verdict::RESULT_UNSIGNED, "unterminated: it has no end, and no frame since 2030-03-17");
}

// The open line and a few live lines of other sessions lie between the newest list and its line.
TEST_F(LoggedSessionTest, the_newest_line_is_found_behind_lists_of_others) {
  log_line(open_, 600);
  add_and_store("two");
  log_line(line_of(session_, State::kLive), 599);
  StoredSession other = make_session(SessionId::mint(0), "bob", "db1", "10.0.0.1:1", kNow);
  store(*owner_, other);
  for (const int64_t ago : {500, 300, 200, 1})
    log_line(line_of(other, ago == 500 ? State::kOpen : State::kLive), ago);
  rewrite({"one", "forged"});
  expect_tampered("frame 3 is not what the heads list of");
}

TEST_F(LoggedSessionTest, a_check_of_the_whole_log_gives_the_newest_line) {
  log_line(open_, 600);
  LogState checked{
      .checked_size = log_->tree.size(), .began_ns = kNow - 3600 * kSecond, .unclosed = {}};
  HeadsLine larger = open_;
  larger.head.size = 9;
  checked.unclosed[session_.id] = {larger, kNow - 5 * kSecond};
  EXPECT_EQ(verify(&checked).detail().substr(0, 34), "frames 3-9 missing from the end; t");
}

}  // namespace
}  // namespace gatetape::auditd
