#include "recorder/service.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "recorder/pg_store.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/record_writer.h"
#include "tests/support/test_session.h"

namespace gatetape::recorder {
namespace {

using record::v1::Answer;
using record::v1::Item;
using Code = record::v1::Refusal;

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/recorder_XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    start();
  }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ + "/recorder.sock"; }
  void start() {
    committer_ = std::make_unique<Committer>(
        std::make_unique<PgStore>(
            PgStoreOptions{PgCluster::shared().conninfo(database_, "gatetape_recorder"), 5}),
        Committer::Options{.queue_bytes_max = 1 << 20,
                           .on_store_state = [](const absl::Status&) {},
                           .on_upkeep_failed = [](const absl::Status&) {},
                           .key = &key_});
    service_ = std::make_unique<Service>(committer_.get(), &key_);
    auto server = Server::start("unix:" + path(), TlsConfig(), service_.get());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  void stop() {
    if (server_) server_->stop(std::chrono::seconds(5));
    server_ = nullptr;
    service_ = nullptr;
    committer_ = nullptr;
  }
  int64_t number(const std::string& sql) { return owner_->execute(sql)->int8(0, 0); }
  // Stores session_open and one more frame, and gives the stream back.
  std::unique_ptr<RecordWriter> begin(TestSession* session) {
    auto writer = std::make_unique<RecordWriter>(path());
    const Item open = session->item(session->open());
    writer->send({session->bind(true), open});
    EXPECT_TRUE(writer->durable(1));
    writer->send({session->item(session->next(FrameKind::kIn, "x"))});
    EXPECT_TRUE(writer->durable(2));
    return writer;
  }
  void expect_refusal(RecordWriter* writer, record::v1::Refusal::Code code) {
    const Answer answer = writer->answer();
    ASSERT_TRUE(answer.has_refusal()) << answer.ShortDebugString();
    EXPECT_EQ(answer.refusal().code(), code) << answer.refusal().detail();
  }

  std::string database_ = PgCluster::shared().create_record();
  std::unique_ptr<PgConnection> owner_ = PgCluster::shared().connect(database_);
  std::string folder_;
  const SigningKey key_ = SigningKey::generate();
  const SigningKey gateway_key_ = SigningKey::generate();
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Server> server_;
  TestSession session_;
};

TEST_F(ServiceTest, a_session_is_recorded_from_bind_to_close) {
  const auto writer = begin(&session_);
  const Item end = session_.item(session_.end());
  writer->send({end, session_.close(gateway_key_)});
  EXPECT_TRUE(writer->durable(3));
  const Answer closed = writer->answer();
  ASSERT_TRUE(closed.has_closed());
  EXPECT_EQ(closed.closed().public_key(), key_.public_key().raw);
  EXPECT_TRUE(key_.public_key().verify(session_.head().signed_text(), closed.closed().signature()));
  EXPECT_EQ(writer->finish().error_code(), grpc::StatusCode::OK);
  EXPECT_EQ(number("select max(last_seq) from gatetape.frames"), 3);
  EXPECT_EQ(number("select size from gatetape.head"), 3);
  EXPECT_EQ(number("select count(*) from gatetape.session"), 1);
  EXPECT_EQ(number("select frames from gatetape.session_end"), 3);
  EXPECT_EQ(number("select count(*) from gatetape.session_heads"), 2);
}

TEST_F(ServiceTest, a_recorder_that_stops_leaves_nothing_that_no_list_names) {
  const auto writer = begin(&session_);
  EXPECT_EQ(writer->finish().error_code(), grpc::StatusCode::OK);
  stop();
  EXPECT_EQ(number("select count(*) from gatetape.heads where convert_from(list, 'UTF8') like '" +
                   session_.id().to_text() + " 2 % live' || chr(10)"),
            1);
}

TEST_F(ServiceTest, durable_is_said_after_the_commit) {
  const auto writer = std::make_unique<RecordWriter>(path());
  const Item open = session_.item(session_.open());
  writer->send({session_.bind(true), open});
  const Answer answer = writer->answer();
  EXPECT_EQ(answer.durable().root(), view(session_.root()));
  EXPECT_EQ(number("select last_seq from gatetape.frames"), 1);
}

TEST_F(ServiceTest, a_session_goes_on_after_the_recorder_was_restarted) {
  begin(&session_).reset();
  stop();
  start();
  RecordWriter writer(path());
  writer.send({session_.bind(false)});
  const Answer bound = writer.answer();
  ASSERT_TRUE(bound.has_bound()) << bound.ShortDebugString();
  EXPECT_EQ(bound.bound().seq(), 2u);
  EXPECT_EQ(bound.bound().root(), view(session_.root()));
  const Item resume = session_.resume();
  writer.send({resume, session_.item(session_.next(FrameKind::kOut, "y"))});
  EXPECT_TRUE(writer.durable(3));
}

TEST_F(ServiceTest, a_session_that_is_not_stored_is_bound_at_0) {
  RecordWriter writer(path());
  writer.send({session_.bind(false)});
  const Answer bound = writer.answer();
  ASSERT_TRUE(bound.has_bound());
  EXPECT_EQ(bound.bound().seq(), 0u);
  EXPECT_EQ(bound.bound().root(), "");
  const Item resume = session_.resume();
  writer.send({resume, session_.item(session_.open())});
  EXPECT_TRUE(writer.durable(1));
}

TEST_F(ServiceTest, a_wrong_root_costs_its_session_alone) {
  const auto writer = begin(&session_);
  Item bad = session_.item(session_.next(FrameKind::kIn, "y"));
  (*bad.mutable_root())[0]++;
  TestSession other(2);
  const Item open = other.item(other.open());
  writer->send({bad, other.bind(true), open});
  expect_refusal(writer.get(), Code::CODE_ROOT_MISMATCH);
  EXPECT_TRUE(writer->durable(1));
  EXPECT_EQ(number("select count(*) from gatetape.frames"), 3);
}

TEST_F(ServiceTest, an_equal_repeat_is_accepted_silently_and_another_refused) {
  const auto writer = begin(&session_);
  const Item third = session_.item(session_.next(FrameKind::kIn, "y"));
  const Item fourth = session_.item(session_.next(FrameKind::kIn, "z"));
  writer->send({third, third, fourth});
  EXPECT_TRUE(writer->durable(4));
  Item changed = third;
  changed.set_payload("other");
  writer->send({changed});
  expect_refusal(writer.get(), Code::CODE_REPEAT_DIFFERS);
  EXPECT_EQ(number("select sum(last_seq - first_seq + 1)::bigint from gatetape.frames"), 4);
}

TEST_F(ServiceTest, a_closed_session_is_told_what_is_durable_and_not_bound_again) {
  const auto writer = begin(&session_);
  writer->send({session_.close(gateway_key_)});
  ASSERT_TRUE(writer->answer().has_closed());
  RecordWriter again(path());
  again.send({session_.bind(false)});
  EXPECT_EQ(again.answer().bound().root(), view(session_.root()));
  expect_refusal(&again, Code::CODE_CLOSED);
}

TEST_F(ServiceTest, a_stream_forgets_a_session_that_was_closed) {
  const auto writer = begin(&session_);
  writer->send({session_.close(gateway_key_)});
  ASSERT_TRUE(writer->answer().has_closed());
  TestSession next(session_.handle());
  const Item open = next.item(next.open());
  writer->send({next.bind(true), open});
  EXPECT_TRUE(writer->durable(1));
}

TEST_F(ServiceTest, a_second_writer_of_a_session_loses) {
  const auto first = begin(&session_);
  TestSession thief = session_;
  RecordWriter second(path());
  second.send({thief.bind(false)});
  ASSERT_TRUE(second.answer().has_bound());
  const Item resume = thief.resume();
  second.send({resume, thief.item(thief.next(FrameKind::kIn, "thief"))});
  ASSERT_TRUE(second.durable(3));
  first->send({session_.item(session_.next(FrameKind::kIn, "owner"))});
  expect_refusal(first.get(), Code::CODE_LOST_RACE);
}

TEST_F(ServiceTest, a_fresh_bind_of_a_stored_session_loses) {
  const Item open = session_.item(session_.open());
  RecordWriter first(path());
  first.send({session_.bind(true), open});
  ASSERT_TRUE(first.durable(1));
  RecordWriter twin(path());
  twin.send({session_.bind(true), open});
  expect_refusal(&twin, Code::CODE_LOST_RACE);
}

TEST_F(ServiceTest, a_lost_database_ends_the_stream_unavailable_and_comes_back) {
  const auto writer = begin(&session_);
  ASSERT_TRUE(owner_
                  ->execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where "
                            "usename = 'gatetape_recorder'")
                  .ok());
  const Frame third = session_.next(FrameKind::kIn, "y");
  writer->send({session_.item(third)});
  const grpc::Status status = writer->status();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_NE(status.error_message().find("was not committed"), std::string::npos);
  RecordWriter again(path());
  again.send({session_.bind(false)});
  const Answer bound = again.answer();
  ASSERT_TRUE(bound.has_bound());
  EXPECT_EQ(bound.bound().seq(), 2u);
}

TEST_F(ServiceTest, without_a_database_nothing_is_acknowledged) {
  auto writer = begin(&session_);
  PgCluster::shared().stop();
  writer->send({session_.item(session_.next(FrameKind::kIn, "y"))});
  EXPECT_EQ(writer->status().error_code(), grpc::StatusCode::UNAVAILABLE);
  TestSession other(2);
  writer = std::make_unique<RecordWriter>(path());
  const Item open = other.item(other.open());
  writer->send({other.bind(true), open});
  EXPECT_EQ(writer->status().error_code(), grpc::StatusCode::UNAVAILABLE);
  PgCluster::shared().start();
  bool durable = false;
  while (!durable) {  // until the recorder has found the database again
    TestSession fresh(3);
    writer = std::make_unique<RecordWriter>(path());
    const Item first = fresh.item(fresh.open());
    writer->send({fresh.bind(true), first});
    durable = writer->durable(1);
  }
  owner_ = PgCluster::shared().connect(database_);
  EXPECT_EQ(number("select max(last_seq) from gatetape.frames"), 2);
}

TEST_F(ServiceTest, a_request_over_the_limits_ends_the_stream) {
  RecordWriter writer(path());
  writer.send(std::vector<Item>(RequestCore::kItemsMax + 1, session_.bind(true)));
  EXPECT_EQ(writer.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  RecordWriter large(path());
  Item item = session_.bind(true);
  item.set_payload(std::string(RequestCore::kRequestPayloadBytesMax + 1, 'x'));
  large.send({item});
  EXPECT_EQ(large.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, a_writer_that_does_not_read_holds_up_nobody) {
  RecordWriter deaf(path());
  constexpr uint32_t kSessions = 4000;  // their answers are more than HTTP/2 lets out unread
  for (uint32_t handle = 1; handle <= kSessions; handle++) {
    TestSession session(handle);
    const Item open = session.item(session.open());
    ASSERT_TRUE(deaf.send({session.bind(true), open}));
  }
  TestSession other(1);
  RecordWriter writer(path());
  const Item first = other.item(other.open());
  writer.send({other.bind(true), first});
  EXPECT_TRUE(writer.durable(1));
  for (uint32_t i = 0; i < kSessions; i++) ASSERT_TRUE(deaf.answer().has_durable()) << i;
}

TEST_F(ServiceTest, draining_answers_all_that_was_sent) {
  const auto writer = begin(&session_);
  service_->drain();
  writer->send({session_.item(session_.next(FrameKind::kIn, "y"))});
  ASSERT_TRUE(writer->wait_draining());
  const grpc::Status status = writer->finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "draining");
  EXPECT_EQ(number("select max(last_seq) from gatetape.frames"), 3);
  RecordWriter late(path());
  EXPECT_EQ(late.status().error_message(), "draining");
}

TEST_F(ServiceTest, a_second_recorder_cannot_take_the_socket) {
  Service service(committer_.get(), &key_);
  EXPECT_EQ(Server::start("unix:" + path(), TlsConfig(), &service).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Server::start("127.0.0.1:0", TlsConfig(), &service).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gatetape::recorder
