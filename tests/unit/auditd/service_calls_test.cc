// How a call runs: it is recorded, followed, cancelled, and survives the loss of its database.
#include "absl/time/clock.h"
#include "tests/support/pg_cluster.h"
#include "tests/unit/auditd/service_fixture.h"

namespace gatetape::auditd {
namespace {

using ServiceCallTest = ServiceTest;

TEST_F(ServiceCallTest, follow_delivers_what_is_added_until_the_end) {
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

TEST_F(ServiceCallTest, a_client_that_goes_away_cancels_its_statement) {
  // The search waits for the lock on the table.
  const auto blocker = PgCluster::shared().open(database_name_);
  const auto transaction = DbTransaction::begin(*blocker);
  ASSERT_TRUE(blocker->run_script("lock table gatetape.session").ok());
  const auto observer = PgCluster::shared().open(database_name_);
  const auto waiting = [&observer] {
    return observer->query("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
        ->row(0)
        .int8();
  };
  grpc::ClientContext context;
  v1::SearchRequest request;
  request.set_pattern("x");
  auto reader = stub_->Search(&context, request);
  const auto eventually = [&waiting](int64_t count) {
    for (int tries = 0; tries < 600 && waiting() != count; tries++)
      absl::SleepFor(absl::Milliseconds(50));
    return waiting() == count;
  };
  ASSERT_TRUE(eventually(1));
  context.TryCancel();
  EXPECT_TRUE(eventually(0)) << "the server still waits for the lock";
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServiceCallTest, each_call_is_recorded_before_its_answer) {
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
  for (const size_t i : {size_t{2}, size_t{6}})
    EXPECT_NE(events[i].get("arguments").find(closed_.id.to_text()), std::string::npos) << i;
  EXPECT_EQ(events[3].get("result"), "NOT_FOUND");
  EXPECT_EQ(events[5].get("method"), "Search");
}

TEST_F(ServiceCallTest, what_cannot_be_recorded_is_not_answered) {
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

TEST_F(ServiceCallTest, endless_arguments_are_recorded_cut) {
  search(std::string(1 << 20, 'x'));
  EXPECT_LE(log_.events().front().get("arguments").size(), 4096u);
}

TEST_F(ServiceCallTest, health_answers_without_a_record) {
  log_.set_works(false);
  grpc::ClientContext context;
  v1::HealthResponse response;
  ASSERT_TRUE(stub_->Health(&context, {}, &response).ok());
  EXPECT_EQ(response.database(), "ok");
  EXPECT_EQ(response.recorder(), "ok");
  EXPECT_GE(response.migration(), 1u);
  EXPECT_EQ(response.live_sessions(), 1u);
}

TEST_F(ServiceCallTest, lost_database_is_said_and_comes_back) {
  PgCluster::shared().stop();
  EXPECT_TRUE(list({}).empty());
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::UNAVAILABLE) << status_.error_message();
  PgCluster::shared().start();
  EXPECT_EQ(list({}).size(), 3u);
}

}  // namespace
}  // namespace gatetape::auditd
