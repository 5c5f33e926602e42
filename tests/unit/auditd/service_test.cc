#include "tests/support/stored_session.h"
#include "tests/unit/auditd/service_fixture.h"

namespace gatetape::auditd {
namespace {

TEST_F(ServiceTest, list_gives_what_is_asked_newest_first) {
  v1::ListSessionsRequest request;
  expect_listed(request, {&live_, &closed_, &interrupted_});
  request.set_limit(2);
  expect_listed(request, {&live_, &closed_});
  request.set_short_ids(true);
  const std::string name = list(request).front().short_id();
  EXPECT_TRUE(name.size() >= 4 && live_.id.to_text().ends_with(name)) << name;
  request.Clear();
  request.set_user("al*e");
  expect_listed(request, {&live_, &interrupted_});
  request.set_user("al%e");
  expect_listed(request, {});
  request.Clear();
  request.set_target("web?");
  expect_listed(request, {&closed_});
  request.Clear();
  request.set_from("10.0.0.0/8");
  expect_listed(request, {&closed_, &interrupted_});
  request.set_from("fd00::1");
  expect_listed(request, {&live_});
  request.Clear();
  request.set_since_unix_ns(kNow - 2000 * kSecond);
  expect_listed(request, {&live_, &closed_});
  request.set_until_unix_ns(kNow - 100 * kSecond);
  expect_listed(request, {&closed_});
  request.Clear();
  request.set_live(true);
  expect_listed(request, {&live_});
  request.Clear();
  request.set_kind("system");
  EXPECT_EQ(list(request).size(), 2u);
  request.Clear();
  request.set_from("10.0.0.0/33");
  list(request);
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, list_tells_state_counts_and_head) {
  const std::vector<v1::Session> sessions = list({});
  ASSERT_EQ(sessions.size(), 3u);
  EXPECT_EQ(sessions[0].state(), "live");
  EXPECT_EQ(sessions[0].bytes_out(), 5u);
  EXPECT_EQ(sessions[0].source(), "[fd00::1]:3");
  EXPECT_EQ(sessions[0].ended_at_unix_ns(), 0);
  EXPECT_EQ(sessions[1].state(), "closed");
  EXPECT_EQ(sessions[1].end_reason(), "exit");
  EXPECT_EQ(sessions[1].frames(), 5u);
  const Hash root = closed_.tree.root();
  EXPECT_EQ(sessions[1].head(), view(root));
  EXPECT_EQ(sessions[2].state(), "interrupted");
}

TEST_F(ServiceTest, silent_gateway_means_interrupted) {
  ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
  ASSERT_TRUE(owner_
                  ->execute("delete from gatetape.event where session_id = $1::uuid and seq > 1",
                            {PgParam::uuid(run_.bytes())})
                  .ok());
  EXPECT_EQ(list({}).front().state(), "interrupted");
}

TEST_F(ServiceTest, session_is_found_by_a_prefix_that_names_one) {
  const std::string id = closed_.id.to_text();
  for (const std::string& text : {id, id.substr(0, 20), id.substr(0, 8) + id.substr(9, 12)}) {
    EXPECT_EQ(get(text).session().session_id(), closed_.id.bytes()) << text;
    EXPECT_TRUE(status_.ok()) << status_.error_message();
  }
  get("01234567");
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::NOT_FOUND);
  for (const char* bad : {"012", "x", "", "0123456789abcdef0123456789abcdef0"}) {
    get(bad);
    EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << bad;
  }
  StoredSession twin = make_session(run_, "x", "y", "10.0.0.1:1", kNow - 2000 * kSecond);
  std::string bytes(closed_.id.bytes());
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  twin.id = *SessionId::from_bytes(bytes);
  store(*owner_, twin);
  get(id.substr(0, 20));
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(get(id).session().session_id(), closed_.id.bytes());
}

TEST_F(ServiceTest, detail_has_events_and_verdict) {
  const v1::SessionDetail detail = get(closed_.id.to_text());
  ASSERT_EQ(detail.events_size(), 4);
  EXPECT_EQ(detail.events(2).seq(), 3u);
  std::map<std::string, std::string> fields;
  for (const v1::Field& field : detail.events(2).fields()) fields[field.key()] = field.value();
  EXPECT_EQ(fields["request"], "exec");
  EXPECT_EQ(fields["data"], std::string("\0\0\0\x08rm -rf /", 12));
  EXPECT_EQ(detail.verdict().result(), v1::Verdict::RESULT_INTACT) << detail.verdict().detail();
}

TEST_F(ServiceTest, frames_come_exactly_as_stored) {
  v1::ReadFramesRequest request;
  request.set_id("last~1");
  const std::vector<v1::Frame> all_frames = frames(request);
  ASSERT_EQ(all_frames.size(), closed_.frames.size());
  for (size_t i = 0; i < all_frames.size(); i++) {
    EXPECT_EQ(all_frames[i].seq(), closed_.frames[i].seq);
    EXPECT_EQ(all_frames[i].payload(), closed_.frames[i].payload);
    EXPECT_EQ(all_frames[i].offset_ns(), closed_.frames[i].offset_ns);
  }
  request.set_from_seq(4);
  EXPECT_EQ(frames(request).front().seq(), 4u);
}

TEST_F(ServiceTest, search_finds_commands_and_people) {
  std::vector<v1::Hit> hits = search("RM -rf");
  ASSERT_EQ(hits.size(), 1u);
  EXPECT_EQ(hits[0].what(), "exec");
  EXPECT_EQ(hits[0].text(), "rm -rf /");
  EXPECT_EQ(hits[0].seq(), 3u);
  EXPECT_EQ(hits[0].session().user(), "bob");
  hits = search("alice");
  ASSERT_EQ(hits.size(), 2u);
  EXPECT_EQ(hits[0].session().session_id(), live_.id.bytes());
  EXPECT_EQ(hits[0].what(), "user");
  EXPECT_EQ(search("^rm .*/$", true).size(), 1u);
  EXPECT_EQ(search("^RM .*/$", true).size(), 1u) << "case does not matter here either";
  EXPECT_TRUE(search("%").empty());
  search("(", true);
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, a_hit_carries_its_session_as_list_shows_it) {
  std::map<std::string, std::string> listed;
  for (const v1::Session& session : list({}))
    listed[session.session_id()] = session.SerializeAsString();
  const std::vector<v1::Hit> hits = search("^(alice|bob|rm -rf /)$", true);
  ASSERT_EQ(hits.size(), 4u);
  for (const v1::Hit& hit : hits)
    EXPECT_EQ(hit.session().SerializeAsString(), listed[hit.session().session_id()])
        << hit.ShortDebugString();
}

TEST_F(ServiceTest, a_hit_without_a_session_row_keeps_the_id) {
  ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
  ASSERT_TRUE(owner_->execute("delete from gatetape.session where user_name = 'bob'").ok());
  const std::vector<v1::Hit> hits = search("^(alice|rm -rf /)$", true);
  EXPECT_TRUE(status_.ok()) << status_.error_message();
  ASSERT_EQ(hits.size(), 3u);
  v1::Session only_id;
  only_id.set_session_id(std::string(closed_.id.bytes()));
  EXPECT_EQ(hits[1].session().SerializeAsString(), only_id.SerializeAsString());
  EXPECT_EQ(hits[2].session().user(), "alice");
}

TEST_F(ServiceTest, altered_fields_hide_no_verdict) {
  ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
  ASSERT_TRUE(
      owner_->execute("update gatetape.event set fields = '{\"a\": 1}' where seq = 3").ok());
  const v1::SessionDetail detail = get(closed_.id.to_text());
  EXPECT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_TRUE(detail.events_cut());
  EXPECT_EQ(detail.verdict().result(), v1::Verdict::RESULT_TAMPERED);
}

TEST_F(ServiceTest, verify_all_names_every_session) {
  const std::vector<v1::Verdict> verdicts = verify("");
  EXPECT_TRUE(status_.ok()) << status_.error_message();
  ASSERT_EQ(verdicts.size(), 6u) << "five sessions, and that there is no log key";
  for (const v1::Verdict& verdict : verdicts)
    EXPECT_EQ(verdict.result(), verdict.session_id() == closed_.id.bytes()
                                    ? v1::Verdict::RESULT_INTACT
                                    : v1::Verdict::RESULT_UNSIGNED)
        << verdict.detail();
}

TEST_F(ServiceTest, verify_all_also_names_a_guard_that_was_switched_off) {
  ASSERT_TRUE(
      owner_->execute("alter table gatetape.frames disable trigger frames_is_append_only").ok());
  const std::vector<v1::Verdict> verdicts = verify("");
  ASSERT_GT(verdicts.size(), 6u);
  EXPECT_EQ(verdicts[0].result(), v1::Verdict::RESULT_TAMPERED);
  EXPECT_TRUE(verdicts[0].session_id().empty());
  EXPECT_NE(verdicts[0].detail().find("gatetape.frames: trigger frames_is_append_only is `"),
            std::string::npos)
      << verdicts[0].detail();
  EXPECT_EQ(verify(closed_.id.to_text()).size(), 1u);
}

TEST_F(ServiceTest, verify_finds_a_session_whose_derived_rows_are_gone) {
  ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
  for (const char* table : {"session", "session_end", "event", "channel"})
    ASSERT_TRUE(
        owner_
            ->execute("delete from gatetape." + std::string(table) + " where session_id = $1::uuid",
                      {PgParam::uuid(closed_.id.bytes())})
            .ok());
  const std::vector<v1::Verdict> one = verify(closed_.id.to_text());
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].result(), v1::Verdict::RESULT_TAMPERED);
  EXPECT_EQ(verify("").size(), 6u);
}

}  // namespace
}  // namespace gatetape::auditd
