#include "auditd/service.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "absl/synchronization/mutex.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/stored_session.h"

namespace gatetape::auditd {
namespace {

namespace v1 = audit::v1;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'900'000'000 * kSecond;

class HeldClock : public Clock {
 public:
  int64_t wall_ns() const override { return kNow; }
  int64_t mono_ns() const override { return kNow; }
};

// Keeps what was recorded, or refuses to.
class FakeLog : public QueryLog {
 public:
  absl::Status record(const Event& event) override {
    const absl::MutexLock lock(&mutex_);
    if (!works_) return absl::UnavailableError("recorder gone");
    events_.push_back(event);
    return absl::OkStatus();
  }
  void set_works(bool works) {
    const absl::MutexLock lock(&mutex_);
    works_ = works;
  }
  std::vector<Event> events() {
    const absl::MutexLock lock(&mutex_);
    return events_;
  }

 private:
  absl::Mutex mutex_;
  bool works_ = true;
  std::vector<Event> events_;
};

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    PgCluster& cluster = PgCluster::shared();
    const std::string name = cluster.create_record();
    owner_ = cluster.connect(name);
    database_ = std::make_unique<Database>(cluster.conninfo(name, "gatetape_auditd"), 3);
    service_ = std::make_unique<Service>(*database_, log_, trusted_, clock_,
                                         [] { return std::string("ok"); });
    grpc::ServerBuilder builder;
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = v1::AuditService::NewStub(server_->InProcessChannel({}));
    store_sessions();
  }
  void TearDown() override { server_->Shutdown(std::chrono::system_clock::now()); }

  // old run (ended): alice's, without an end. New run: bob's closed, alice's open, carol's denied
  // one.
  void store_sessions() {
    StoredSession old_run = make_system_session("gw1", kNow - 4000 * kSecond);
    StoredSession run = make_system_session("gw1", kNow - 3000 * kSecond);
    run_ = run.id;
    run.add(FrameKind::kHeartbeat, 0, Event{{"wall_ns", std::to_string(kNow - 10 * kSecond)}});
    interrupted_ = make_session(old_run.id, "alice", "db1", "10.0.0.1:1", kNow - 3500 * kSecond);
    closed_ = make_session(run.id, "bob", "web1", "10.9.0.1:2", kNow - 2000 * kSecond);
    closed_.add(FrameKind::kChannelOpen, 1, Event{{"type", "session"}});
    closed_.request("exec", std::string("\0\0\0\x08rm -rf /", 12));
    closed_.add(FrameKind::kOut, 1, std::string("\0\xff\x1b[2J", 6)).end("exit");
    live_ = make_session(run.id, "alice", "db1", "[fd00::1]:3", kNow - 100 * kSecond);
    live_.add(FrameKind::kOut, 1, "first");
    for (StoredSession* session : {&old_run, &run, &interrupted_, &closed_, &live_})
      store(*owner_, *session);
    store_head(*owner_, closed_, writer_, recorder_);
  }

  template <typename Message, typename Reader>
  static std::vector<Message> all(Reader reader, grpc::Status* status) {
    std::vector<Message> messages;
    Message message;
    while (reader->Read(&message)) messages.push_back(message);
    *status = reader->Finish();
    return messages;
  }
  std::vector<v1::Session> list(const v1::ListSessionsRequest& request) {
    grpc::ClientContext context;
    return all<v1::Session>(stub_->ListSessions(&context, request), &status_);
  }
  std::vector<v1::Frame> frames(const v1::ReadFramesRequest& request) {
    grpc::ClientContext context;
    std::vector<v1::Frame> out;
    for (const auto& batch : all<v1::FrameBatch>(stub_->ReadFrames(&context, request), &status_))
      out.insert(out.end(), batch.frames().begin(), batch.frames().end());
    return out;
  }
  std::vector<v1::Hit> search(const std::string& pattern, bool regex = false) {
    grpc::ClientContext context;
    v1::SearchRequest request;
    request.set_pattern(pattern);
    request.set_regex(regex);
    return all<v1::Hit>(stub_->Search(&context, request), &status_);
  }
  std::vector<v1::Verdict> verify(const std::string& id) {
    grpc::ClientContext context;
    v1::VerifyRequest request;
    request.set_id(id);
    return all<v1::Verdict>(stub_->Verify(&context, request), &status_);
  }
  v1::SessionDetail get(const std::string& id) {
    grpc::ClientContext context;
    v1::GetSessionRequest request;
    request.set_id(id);
    v1::SessionDetail detail;
    status_ = stub_->GetSession(&context, request, &detail);
    return detail;
  }
  void expect_listed(const v1::ListSessionsRequest& request,
                     const std::vector<const StoredSession*>& expected) {
    std::vector<std::string> ids;
    for (const v1::Session& session : list(request)) ids.push_back(session.session_id());
    EXPECT_TRUE(status_.ok()) << status_.error_message();
    std::vector<std::string> wanted;
    for (const StoredSession* session : expected) wanted.emplace_back(session->id.bytes());
    EXPECT_EQ(ids, wanted) << request.ShortDebugString();
  }

  HeldClock clock_;
  FakeLog log_;
  SigningKey writer_ = SigningKey::generate();
  SigningKey recorder_ = SigningKey::generate();
  TrustedKeys trusted_{{writer_.public_key()}, {recorder_.public_key()}};
  SessionId run_;
  StoredSession interrupted_, closed_, live_;
  std::unique_ptr<PgConnection> owner_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::AuditService::Stub> stub_;
  grpc::Status status_;
};

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
  ASSERT_TRUE(owner_->run_script("set session_replication_role = replica").ok());
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

TEST_F(ServiceTest, follow_delivers_what_is_added_until_the_end) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  v1::ReadFramesRequest request;
  request.set_id(live_.id.to_text());
  request.set_from_seq(2);
  request.set_follow(true);
  auto reader = stub_->ReadFrames(&context, request);
  v1::FrameBatch batch;
  ASSERT_TRUE(reader->Read(&batch));
  EXPECT_EQ(batch.frames(0).payload(), "first");
  live_.add(FrameKind::kOut, 1, "second");
  store(*owner_, live_);
  ASSERT_TRUE(reader->Read(&batch));
  EXPECT_EQ(batch.frames(0).payload(), "second");
  live_.end("exit");
  store(*owner_, live_);
  ASSERT_TRUE(reader->Read(&batch));
  EXPECT_FALSE(reader->Read(&batch));
  EXPECT_TRUE(reader->Finish().ok());
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

TEST_F(ServiceTest, altered_fields_hide_no_verdict) {
  ASSERT_TRUE(owner_
                  ->run_script("set session_replication_role = replica; "
                               "update gatetape.event set fields = '{\"a\": 1}' where seq = 3")
                  .ok());
  const v1::SessionDetail detail = get(closed_.id.to_text());
  EXPECT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_TRUE(detail.events_cut());
  EXPECT_EQ(detail.verdict().result(), v1::Verdict::RESULT_TAMPERED);
}

TEST_F(ServiceTest, verify_all_names_every_session) {
  const std::vector<v1::Verdict> verdicts = verify("");
  EXPECT_TRUE(status_.ok()) << status_.error_message();
  ASSERT_EQ(verdicts.size(), 5u);
  for (const v1::Verdict& verdict : verdicts)
    EXPECT_EQ(verdict.result(), verdict.session_id() == closed_.id.bytes()
                                    ? v1::Verdict::RESULT_INTACT
                                    : v1::Verdict::RESULT_UNSIGNED)
        << verdict.detail();
}

TEST_F(ServiceTest, verify_finds_a_session_whose_derived_rows_are_gone) {
  ASSERT_TRUE(owner_->run_script("set session_replication_role = replica").ok());
  for (const char* table : {"session", "session_end", "event", "channel"})
    ASSERT_TRUE(
        owner_
            ->execute("delete from gatetape." + std::string(table) + " where session_id = $1::uuid",
                      {PgParam::uuid(closed_.id.bytes())})
            .ok());
  const std::vector<v1::Verdict> one = verify(closed_.id.to_text());
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].result(), v1::Verdict::RESULT_TAMPERED);
  EXPECT_EQ(verify("").size(), 5u);
}

TEST_F(ServiceTest, each_call_is_recorded_before_its_answer) {
  list({});
  get("last~1");
  get("01234567");
  search("rm");
  verify("last~1");
  const std::vector<Event> events = log_.events();
  ASSERT_EQ(events.size(), 8u);
  EXPECT_EQ(events[0].get("method"), "ListSessions");
  EXPECT_EQ(events[0].get("result"), "started");
  EXPECT_EQ(events[1].get("result"), "ok");
  EXPECT_EQ(events[1].get("count"), "3");
  EXPECT_EQ(events[2].get("method"), "GetSession");
  for (const size_t i : {2, 6})
    EXPECT_NE(events[i].get("arguments").find(closed_.id.to_text()), std::string::npos) << i;
  EXPECT_EQ(events[3].get("result"), "NOT_FOUND");
  EXPECT_EQ(events[5].get("method"), "Search");
}

TEST_F(ServiceTest, what_cannot_be_recorded_is_not_answered) {
  log_.set_works(false);
  v1::ReadFramesRequest request;
  request.set_id(closed_.id.to_text());
  EXPECT_TRUE(list({}).empty());
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(status_.error_message().find("not recorded, so not answered"), std::string::npos);
  EXPECT_TRUE(frames(request).empty());
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_FALSE(get(closed_.id.to_text()).has_session());
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(search("rm").empty());
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(verify("").empty());
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServiceTest, endless_arguments_are_recorded_cut) {
  search(std::string(1 << 20, 'x'));
  EXPECT_LE(log_.events().front().get("arguments").size(), 4096u);
}

TEST_F(ServiceTest, health_answers_without_a_record) {
  log_.set_works(false);
  grpc::ClientContext context;
  v1::HealthResponse response;
  ASSERT_TRUE(stub_->Health(&context, {}, &response).ok());
  EXPECT_EQ(response.database(), "ok");
  EXPECT_EQ(response.recorder(), "ok");
  EXPECT_GE(response.migration(), 1u);
  EXPECT_EQ(response.live_sessions(), 1u);
}

TEST_F(ServiceTest, lost_database_is_said_and_comes_back) {
  PgCluster::shared().stop();
  EXPECT_TRUE(list({}).empty());
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::UNAVAILABLE) << status_.error_message();
  PgCluster::shared().start();
  EXPECT_EQ(list({}).size(), 3u);
}

}  // namespace
}  // namespace gatetape::auditd
