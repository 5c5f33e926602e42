#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/os/record_channel.h"
#include "recorder/pg_store.h"
#include "recorder/service.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/record_writer.h"
#include "tests/support/test_session.h"

namespace gatetape::recorder {
namespace {

void run_there(const std::string& folder, const std::string& command) {
  EXPECT_EQ(std::system(("cd " + folder + " && exec 2>/dev/null && " + command).c_str()), 0);
}

void make_authority(const std::string& folder) {
  run_there(folder,
            "openssl req -x509 -newkey ed25519 -nodes -keyout ca.key -out ca.pem -subj /CN=ca "
            "-days 1");
}

// make_certificate writes a certificate of the CA in the folder, for localhost and with a SAN URI
// unless `uri` is empty.
TlsConfig make_certificate(const std::string& folder, const std::string& uri) {
  run_there(folder,
            "openssl req -newkey ed25519 -nodes -keyout key.pem -out csr.pem -subj /CN=localhost "
            "-addext subjectAltName=DNS:localhost" +
                (uri.empty() ? "" : ",URI:" + uri) +
                " && openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -copy_extensions copy "
                "-days 1 -out cert.pem && mkdir -p '" +
                uri + "_' && mv key.pem cert.pem '" + uri + "_'");
  const std::string made = folder + "/" + uri + "_";
  return {made + "/cert.pem", made + "/key.pem", folder + "/ca.pem"};
}

std::string text_of(const std::string& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// free_port gives a loopback port that nobody listens on.
int free_port() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), length), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  close(fd);
  return ntohs(address.sin_port);
}

bool is_served(const std::shared_ptr<grpc::Channel>& channel, uint32_t handle = 1) {
  TestSession session(handle);
  RecordWriter writer(channel);
  const record::v1::Item open = session.item(session.open());
  writer.send({session.bind(true), open});
  return writer.durable(1);
}

std::shared_ptr<grpc::Channel> channel_with(const std::string& endpoint, const TlsConfig& tls) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = text_of(tls.ca);
  options.pem_cert_chain = text_of(tls.certificate);
  options.pem_private_key = text_of(tls.key);
  grpc::ChannelArguments own;
  own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(endpoint, grpc::SslCredentials(options), own);
}

// The recorder on HOST:PORT with mutual TLS: who may write, and to whom the writers talk.
class ServiceTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/recorder_XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string database_ = PgCluster::shared().create_record();
  std::unique_ptr<PgConnection> owner_ = PgCluster::shared().connect(database_);
  std::string folder_;
  const SigningKey key_ = SigningKey::generate();
  const std::unique_ptr<Committer> committer_ = std::make_unique<Committer>(
      std::make_unique<PgStore>(
          PgStoreOptions{PgCluster::shared().conninfo(database_, "gatetape_recorder"), 5}),
      Committer::Options{.queue_bytes_max = 1 << 20,
                         .on_store_state = [](const absl::Status&) {},
                         .on_upkeep_failed = [](const absl::Status&) {},
                         .key = &key_});
};

TEST_F(ServiceTlsTest, across_hosts_only_a_certificate_of_the_ca_is_served) {
  make_authority(folder_);
  const TlsConfig tls = make_certificate(folder_, "gatetape:recorder");
  const TlsConfig gateway = make_certificate(folder_, "gatetape:gateway");
  Service service(committer_.get(), &key_);
  const std::string endpoint = "localhost:" + std::to_string(free_port());
  auto server = Server::start(endpoint, tls, &service);
  ASSERT_TRUE(server.ok()) << server.status();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = text_of(tls.ca);
  const auto stranger = grpc::CreateChannel(endpoint, grpc::SslCredentials(options));
  EXPECT_FALSE(is_served(stranger));
  EXPECT_TRUE(is_served(channel_with(endpoint, gateway)));
  EXPECT_FALSE(is_served(grpc::CreateChannel(endpoint, grpc::InsecureChannelCredentials())));
}

TEST_F(ServiceTlsTest, across_hosts_only_the_role_of_a_gateway_writes_sessions) {
  make_authority(folder_);
  Service service(committer_.get(), &key_);
  const std::string endpoint = "localhost:" + std::to_string(free_port());
  auto server = Server::start(endpoint, make_certificate(folder_, "gatetape:recorder"), &service);
  ASSERT_TRUE(server.ok()) << server.status();
  for (const char* uri : {"", "spiffe://gatetape/gateway", "gatetape:janitor", "gatetape:recorder",
                          "gatetape:witness", "gatetape:portal"}) {
    RecordWriter writer(channel_with(endpoint, make_certificate(folder_, uri)));
    const grpc::Status status = writer.status();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED) << uri;
    EXPECT_NE(status.error_message().find("role"), std::string::npos) << status.error_message();
  }
  const auto auditd = channel_with(endpoint, make_certificate(folder_, "gatetape:auditd"));
  TestSession session(7);
  RecordWriter writer(auditd);
  const record::v1::Item open = session.item(session.open());
  writer.send({session.bind(true), open});
  const record::v1::Answer answer = writer.answer();
  ASSERT_TRUE(answer.has_refusal()) << answer.ShortDebugString();
  EXPECT_EQ(answer.refusal().code(), record::v1::Refusal::CODE_MALFORMED);
  EXPECT_EQ(
      owner_->execute("select count(*) from gatetape.session where kind <> 'system'")->int8(0, 0),
      0);
}

// The links of gateway and auditd, and doctor, connect with these credentials.
TEST_F(ServiceTlsTest, a_writer_talks_to_a_recorder_and_to_no_other_leaf_of_the_authority) {
  make_authority(folder_);
  const TlsConfig gateway = make_certificate(folder_, "gatetape:gateway");
  const struct {
    const char* uri;
    const char* host;
    bool accepted;
  } kRows[] = {{"gatetape:recorder", "localhost", true},
               {"gatetape:recorder", "127.0.0.1", false},  // not a name of the certificate
               {"gatetape:gateway", "localhost", false},
               {"gatetape:janitor", "localhost", false},
               {"", "localhost", false}};
  for (const auto& row : kRows) {
    Service service(committer_.get(), &key_);
    const int port = free_port();
    auto server = Server::start("localhost:" + std::to_string(port),
                                make_certificate(folder_, row.uri), &service);
    ASSERT_TRUE(server.ok()) << server.status();
    const std::string endpoint = std::string(row.host) + ":" + std::to_string(port);
    EXPECT_EQ(is_served(grpc::CreateChannel(endpoint, record_credentials(endpoint, gateway)),
                        static_cast<uint32_t>(&row - kRows) + 10),
              row.accepted)
        << row.uri << " " << row.host;
  }
}

}  // namespace
}  // namespace gatetape::recorder
