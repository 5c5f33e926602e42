#include "base/os/unix_listener.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "gatetape/audit/v1/audit.grpc.pb.h"

namespace gatetape {
namespace {

// A service that answers Health with the uid that the listener saw.
class EchoUid : public audit::v1::AuditService::Service {
 public:
  grpc::Status Health(grpc::ServerContext* context, const audit::v1::HealthRequest*,
                      audit::v1::HealthResponse* response) override {
    response->set_version(peer_uid(*context));
    return grpc::Status::OK;
  }
};

class UnixListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/listener_XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    path_ = folder_ + "/s.sock";
  }
  void TearDown() override {
    if (listener_) listener_->close();
    if (server_) server_->Shutdown();
    unlink((path_ + ".lock").c_str());
    rmdir(folder_.c_str());
  }
  void serve(const std::vector<uid_t>& uids) {
    auto opened = UnixListener::open(path_, uids);
    ASSERT_TRUE(opened.ok()) << opened.status();
    listener_ = *std::move(opened);
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    listener_->attach(&builder);
    server_ = builder.BuildAndStart();
    listener_->start();
  }
  grpc::Status call(std::string* answer) {
    auto channel = grpc::CreateChannel("unix:" + path_, grpc::InsecureChannelCredentials());
    auto stub = audit::v1::AuditService::NewStub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    audit::v1::HealthResponse response;
    grpc::Status status = stub->Health(&context, {}, &response);
    *answer = response.version();
    return status;
  }

  std::string folder_;
  std::string path_;
  EchoUid service_;
  std::unique_ptr<UnixListener> listener_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(UnixListenerTest, allowed_peer_is_served_and_named) {
  serve({geteuid(), 1});
  std::string answer;
  const grpc::Status status = call(&answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(answer, "uid " + std::to_string(geteuid()));
}

TEST_F(UnixListenerTest, other_uid_is_cut_off) {
  serve({geteuid() + 1});
  std::string answer;
  EXPECT_EQ(call(&answer).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(UnixListenerTest, socket_is_not_for_others) {
  serve({geteuid()});
  struct stat facts {};
  ASSERT_EQ(stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0660u);
}

TEST_F(UnixListenerTest, second_server_cannot_take_the_path) {
  serve({geteuid()});
  EXPECT_EQ(UnixListener::open(path_, {geteuid()}).status().code(),
            absl::StatusCode::kAlreadyExists);
  std::string answer;
  EXPECT_TRUE(call(&answer).ok());
}

TEST_F(UnixListenerTest, stale_socket_is_replaced) {
  serve({geteuid()});
  listener_->close();
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
  ASSERT_EQ(mknod(path_.c_str(), S_IFREG | 0600, 0), 0);  // left behind by a crash
  auto again = UnixListener::open(path_, {geteuid()});
  EXPECT_TRUE(again.ok()) << again.status();
}

TEST_F(UnixListenerTest, too_long_path_is_refused) {
  EXPECT_EQ(UnixListener::open(folder_ + "/" + std::string(120, 'x'), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  unlink((folder_ + "/" + std::string(120, 'x') + ".lock").c_str());
}

}  // namespace
}  // namespace gatetape
