// What auditd sends of a session, and what a verifier says of the bundle that is made of it.
#include "auditd/bundle/exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "bundle/verify.h"
#include "tests/support/bundle_maker.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/stored_log.h"

namespace gatetape::auditd {
namespace {

using State = HeadsLine::State;
using testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'900'000'000 * kSecond;

class ExporterTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = PgCluster::shared().create_record();
    owner_ = PgCluster::shared().connect(name);
    database_ = std::make_unique<Database>(DatabaseOptions{
        .conninfo = PgCluster::shared().conninfo(name, "gatetape_auditd"), .connections_max = 1});
    log_ = std::make_unique<StoredLog>(*owner_, recorder_);
    log_->begin(kNow - 3600 * kSecond);
    log_->add_leaf(
        LogEntry::signed_by(log_->log_key,
                            KeyEntry{.role = "gateway", .key = gateway_.public_key(), .time_ns = 1})
            .to_text());
    log_->seal();
    system_ = make_system_session("gw1", kNow - 3600 * kSecond);
    session_ = make_session(system_.id, "alice", "db1", "10.0.0.1:1", kNow - 600 * kSecond);
    session_.add(FrameKind::kChannelOpen, 1, Event{{"type", "session"}})
        .add(FrameKind::kIn, 1, "secret\r")
        .add(FrameKind::kOut, 1, "ok\r\n");
    store(*owner_, session_);
  }
  void log_line(State state, int64_t ago_s) {
    log_->store_list({line_of(session_, state), line_of(other(), state)}, kNow - ago_s * kSecond);
    log_->seal();
  }
  static StoredSession other() {
    StoredSession session = make_system_session("gw2", kNow);
    for (const Frame& frame : session.frames)
      session.tree.append(leaf_hash(session.id, session.keys, frame));
    return session;
  }
  void close() {
    session_.end("client");
    store(*owner_, session_);
    store_head(*owner_, session_, gateway_, recorder_);
  }
  absl::Status export_it(const audit::v1::ExportBundleRequest& request = {}) {
    bundle_ = {};
    BundleExporter exporter({.lease = [&] { return database_->lease(); },
                             .is_unwanted = [] { return false; },
                             .send =
                                 [&](const audit::v1::BundlePart& part) {
                                   take(part);
                                   return true;
                                 }});
    const absl::Status status = exporter.run(session_.id, request);
    bundle_.manifest.frames = exporter.frames();
    sha256_ = exporter.sha256();
    return status;
  }
  void take(const audit::v1::BundlePart& part) {
    if (!part.member().empty()) bundle_.members[part.member()] += part.data();
    if (!part.member().empty()) return;
    bundle_.manifest.session = *SessionId::from_bytes(part.session_id());
    bundle_.manifest.version = static_cast<FormatVersion>(part.format_version());
    stored_frames_ = part.stored_frames();
  }
  std::string words() const {
    const auto keys = BundleKeys::parse(log_->vkey().to_text() + "\n");
    const auto report = verify_bundle(TextSource(bundle_.write()), *keys);
    std::string text;
    for (const BundleVerdict& verdict : report->verdicts)
      text += judgement_word(verdict.judgement)[0];
    return text;
  }

  std::unique_ptr<PgConnection> owner_;
  std::unique_ptr<Database> database_;
  SigningKey recorder_ = SigningKey::generate();
  SigningKey gateway_ = SigningKey::generate();
  std::unique_ptr<StoredLog> log_;
  StoredSession system_, session_;
  BundleText bundle_;
  uint64_t stored_frames_ = 0;
  std::string sha256_;
};

TEST_F(ExporterTest, a_closed_session_is_proven) {
  log_line(State::kOpen, 600);
  close();
  log_line(State::kClose, 590);
  ASSERT_TRUE(export_it().ok());
  EXPECT_EQ(words(), "GGGUGGU");
  EXPECT_EQ(bundle_.manifest.frames, 5U);
  EXPECT_EQ(bundle_.members.count("lines/open") + bundle_.members.count("lines/close"), 2U);
  const std::string file = bundle_.write();
  std::string lines;
  const size_t first = file.find("member "), end = file.find("manifest ");
  lines = file.substr(first, end - first);
  EXPECT_EQ(sha256_, to_hex(view(sha256(lines)))) << "it is the hash of these lines of MANIFEST";
}

TEST_F(ExporterTest, a_live_session_is_exported_up_to_its_newest_line) {
  log_line(State::kOpen, 600);
  session_.add(FrameKind::kOut, 1, "more");
  store(*owner_, session_);
  log_line(State::kLive, 599);
  session_.add(FrameKind::kOut, 1, "not in the log");
  store(*owner_, session_);
  ASSERT_TRUE(export_it().ok());
  EXPECT_EQ(words(), "GUGUGGU");
  EXPECT_EQ(bundle_.manifest.frames, 5U);
  EXPECT_EQ(stored_frames_, 6U);
  EXPECT_EQ(bundle_.members.count("lines/live"), 1U);
}

TEST_F(ExporterTest, a_session_that_is_older_than_the_log_has_its_head_alone) {
  close();
  ASSERT_TRUE(export_it().ok());
  EXPECT_EQ(words(), "GUUUUGU");
}

TEST_F(ExporterTest, what_nothing_signed_names_is_no_evidence) {
  const absl::Status status = export_it();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("nothing that was signed names"));
}

TEST_F(ExporterTest, input_and_times_are_left_out_on_request) {
  log_line(State::kOpen, 600);
  close();
  log_line(State::kClose, 590);
  audit::v1::ExportBundleRequest request;
  request.set_without_input(true);
  ASSERT_TRUE(export_it(request).ok());
  bundle_.manifest.left_out = {{1, 1, 7}};
  EXPECT_EQ(words(), "GGGUGUU");
  EXPECT_EQ(bundle_.members["frames"].find("secret"), std::string::npos);
  request.set_without_input(false);
  request.set_to_unix_ns(session_.started_at_ns + 2'500'000);  // before the output
  ASSERT_TRUE(export_it(request).ok());
  bundle_.manifest.left_out = {{2, 1, 4}};
  EXPECT_EQ(words(), "GGGUGUU");
}

TEST_F(ExporterTest, a_session_of_version_1_is_exported_as_a_whole) {
  session_ = make_session(system_.id, "alice", "db1", "10.0.0.1:1", kNow - 500 * kSecond);
  session_.keys = CommitKeys(std::string(kCommitKeyBytes, 'k'), FormatVersion::k1);
  store(*owner_, session_);
  close();
  ASSERT_TRUE(export_it().ok());
  EXPECT_EQ(words(), "GUUUUGU");
  audit::v1::ExportBundleRequest request;
  request.set_without_input(true);
  const absl::Status status = export_it(request);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("only be exported as a whole"));
}

TEST_F(ExporterTest, a_line_that_the_log_will_have_is_waited_for) {
  log_line(State::kOpen, 600);
  close();
  log_->store_list({line_of(session_, State::kClose)}, kNow - 590 * kSecond);
  const absl::Status status = export_it();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  log_->seal();
  ASSERT_TRUE(export_it().ok());
  EXPECT_EQ(words(), "GGGUGGU");
}

TEST_F(ExporterTest, a_log_that_was_altered_proves_nothing) {
  log_line(State::kOpen, 600);
  close();
  log_line(State::kClose, 590);
  ASSERT_TRUE(owner_->execute("set session_replication_role = replica", {}).ok());
  ASSERT_TRUE(
      owner_->execute("update gatetape.log_leaf set leaf = sha256('x') where leaf_index = 0", {})
          .ok());
  EXPECT_EQ(export_it().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace gatetape::auditd
