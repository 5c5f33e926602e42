// ServiceTest: a Service on a database of its own with a few sessions, asked through gRPC in this
// process.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "absl/synchronization/mutex.h"
#include "auditd/service.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/stored_session.h"

namespace gatetape::auditd {

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
    database_name_ = cluster.create_record();
    owner_ = cluster.connect(database_name_);
    database_ = std::make_unique<Database>(DatabaseOptions{
        .conninfo = cluster.conninfo(database_name_, "gatetape_auditd"), .connections_max = 3});
    service_ = std::make_unique<Service>(Service::Parts{.database = *database_,
                                                        .log = log_,
                                                        .trusted = trusted_,
                                                        .log_trust = log_trust_,
                                                        .clock = clock_,
                                                        .issuer = issuer_,
                                                        .recorder_health = [] { return "ok"; }});
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
  SigningKey issuer_ = SigningKey::generate();
  TrustedKeys trusted_{{writer_.public_key()}, {recorder_.public_key()}};
  LogTrust log_trust_;
  SessionId run_;
  StoredSession interrupted_, closed_, live_;
  std::string database_name_;
  std::unique_ptr<PgConnection> owner_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::AuditService::Stub> stub_;
  grpc::Status status_;
};

}  // namespace gatetape::auditd
