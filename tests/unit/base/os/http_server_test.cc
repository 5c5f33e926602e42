#include "base/os/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/os/fd.h"
#include "base/os/http_client.h"
#include "tools/cli/x509.h"

namespace gatetape {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

HttpServerOptions loopback() {
  return {.listen = "127.0.0.1:0", .body_bytes_max = 1000, .timeout_ms = 2000};
}

std::unique_ptr<HttpServer> started(const HttpServerOptions& options) {
  auto server = HttpServer::start(options, [](const HttpServerRequest& request) {
    return HttpResponse{201, "text/x.echo",
                        request.method + " " + request.target + " " + request.body};
  });
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

std::string url_of(const HttpServer& server, const std::string& path = "/") {
  return "http://127.0.0.1:" + std::to_string(server.port()) + path;
}

// connect_to returns a connection to the server.
Fd connect_to(const HttpServer& server) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// read_all returns what comes until the server closes.
std::string read_all(const Fd& fd) {
  std::string answer;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(fd.get(), buffer, sizeof buffer)) > 0;)
    answer.append(buffer, static_cast<size_t>(got));
  return answer;
}

// ask_raw returns the answer to raw bytes. The client has sent all it wants to send.
std::string ask_raw(const HttpServer& server, const std::string& bytes) {
  const Fd fd = connect_to(server);
  send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  shutdown(fd.get(), SHUT_WR);
  return read_all(fd);
}

TEST(HttpServer, the_handler_gets_the_request_and_its_answer_is_sent) {
  const auto server = started(loopback());
  const auto response = http_post(
      {.url = url_of(*server, "/add?x=1"), .body = "a body", .content_type = "text/plain"});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->content_type, "text/x.echo");
  EXPECT_EQ(response->body, "POST /add?x=1 a body");
}

TEST(HttpServer, a_connection_ends_after_its_answer) {
  const auto server = started(loopback());
  const Fd fd = connect_to(*server);
  const std::string two = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n";
  send(fd.get(), two.data(), two.size(), MSG_NOSIGNAL);
  const std::string answer = read_all(fd);
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nGET /1 "));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(answer.find("GET /2"), std::string::npos);
}

TEST(HttpServer, what_is_no_request_or_too_long_is_refused) {
  struct Row {
    const char* name;
    std::string bytes;
    const char* answer;  // the beginning of it; empty when the server closes without one
  };
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  const Row rows[] = {
      {"a body of the limit", post + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x'),
       "HTTP/1.1 201"},
      {"a body above the limit", post + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x'),
       "HTTP/1.1 413"},
      {"a chunk of the limit",
       post + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + std::string(1000, 'x') +
           "\r\n0\r\n\r\n",
       "HTTP/1.1 201"},
      {"a chunk above the limit",
       post + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x') +
           "\r\n0\r\n\r\n",
       "HTTP/1.1 413"},
      {"an enormous length", post + "Content-Length: 18446744073709551615\r\n\r\n", "HTTP/1.1 413"},
      {"a negative length", post + "Content-Length: -1\r\n\r\n", "HTTP/1.1 400"},
      {"two lengths", post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "HTTP/1.1 400"},
      {"a length and chunks", post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
       "HTTP/1.1 400"},
      {"long headers", post + "X: " + std::string(9000, 'y') + "\r\n\r\n", "HTTP/1.1 431"},
      {"garbage", std::string("\x16\x03\x01\0\xff\xfe", 6) + "\r\n\r\n", "HTTP/1.1 400"},
      {"no version", "GET /\r\n\r\n", "HTTP/1.1 400"},
      {"nothing", "", ""},
      {"half a request", "POST / HTT", ""},
      {"half a body", post + "Content-Length: 10\r\n\r\nxxxxx", ""},
  };
  const auto server = started(loopback());
  for (const Row& row : rows) {
    EXPECT_EQ(ask_raw(*server, row.bytes).substr(0, 12), row.answer) << row.name;
  }
}

TEST(HttpServer, the_answer_arrives_although_the_client_still_sends) {
  HttpServerOptions options = loopback();
  const auto server = started(options);
  const auto response = http_post(
      {.url = url_of(*server), .body = std::string(900'000, 'x'), .content_type = "text/plain"});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 413);
}

// A client that sends one byte again and again is never idle.
TEST(HttpServer, a_slow_client_is_closed_at_the_deadline) {
  HttpServerOptions options = loopback();
  options.timeout_ms = 100;
  const auto server = started(options);
  for (const char* begin :
       {"", "POST / HTTP/1.1\r\nX: ", "POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n"}) {
    const Fd fd = connect_to(*server);
    send(fd.get(), begin, strlen(begin), MSG_NOSIGNAL);
    int bytes = 0;
    for (pollfd closed{fd.get(), POLLIN, 0}; bytes < 500 && poll(&closed, 1, 10) == 0; bytes++)
      send(fd.get(), "x", 1, MSG_NOSIGNAL);
    EXPECT_LT(bytes, 500) << begin;
    EXPECT_EQ(read_all(fd), "") << begin;
  }
}

TEST(HttpServer, connections_above_the_limit_are_closed) {
  HttpServerOptions options = loopback();
  options.connections_per_address_max = 2;
  const auto server = started(options);
  std::vector<Fd> idle;
  for (int i = 0; i < 2; i++) idle.push_back(connect_to(*server));
  EXPECT_EQ(ask_raw(*server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "");
  shutdown(idle[0].get(), SHUT_WR);
  EXPECT_EQ(read_all(idle[0]), "");  // the server has closed it
  EXPECT_THAT(ask_raw(*server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 201"));
}

TEST(HttpServer, it_stops_while_clients_are_connected) {
  auto server = started(loopback());
  const Fd idle = connect_to(*server);
  send(idle.get(), "POST", 4, MSG_NOSIGNAL);
  server.reset();
  EXPECT_EQ(read_all(idle), "");
}

TEST(HttpServer, an_address_that_cannot_be_used_is_named) {
  const auto first = started(loopback());
  const auto handler = [](const HttpServerRequest&) { return HttpResponse{}; };
  const std::string taken = "127.0.0.1:" + std::to_string(first->port());
  const auto second = HttpServer::start({.listen = taken}, handler);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(taken));
  for (const char* listen : {"", "localhost:80", "127.0.0.1", "127.0.0.1:70000"})
    EXPECT_EQ(HttpServer::start({.listen = listen}, handler).status().code(),
              absl::StatusCode::kInvalidArgument)
        << listen;
}

// Files of a certificate for 127.0.0.1.
class HttpsServer : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatetape_https_XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    dir_ = pattern;
    tools::CertificateWish wish;
    wish.common_name = "a witness";
    wish.uri = "gatetape:witness";
    wish.hosts = {"127.0.0.1"};
    const tools::Certificate leaf = *ca_.sign(wish);
    std::ofstream(dir_ + "/ca.pem") << ca_.certificate_pem();
    std::ofstream(dir_ + "/a.pem") << leaf.certificate_pem();
    std::ofstream(dir_ + "/a.key") << leaf.key_pem();
    options_.certificate = dir_ + "/a.pem";
    options_.key = dir_ + "/a.key";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string dir_;
  const tools::Certificate ca_ = tools::Certificate::make_ca("a CA", 10);
  HttpServerOptions options_ = loopback();
};

TEST_F(HttpsServer, a_client_that_trusts_the_ca_is_answered) {
  const auto server = started(options_);
  HttpRequest request{.url = "https://127.0.0.1:" + std::to_string(server->port()) + "/x",
                      .body = std::string(1000, 'x'),
                      .content_type = "text/plain"};
  EXPECT_EQ(http_post(request).status().code(), absl::StatusCode::kUnavailable)
      << "the CA is not one of the system";
  request.ca_file = dir_ + "/ca.pem";
  const auto response = http_post(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "POST /x " + request.body);
}

TEST_F(HttpsServer, a_client_without_tls_is_closed) {
  const auto server = started(options_);
  EXPECT_EQ(ask_raw(*server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").find("201"), std::string::npos);
}

TEST_F(HttpsServer, files_that_cannot_be_used_are_named) {
  const auto handler = [](const HttpServerRequest&) { return HttpResponse{}; };
  options_.key = dir_ + "/ca.pem";
  const auto no_key = HttpServer::start(options_, handler);
  EXPECT_THAT(std::string(no_key.status().message()), StartsWith(options_.key));
  options_.certificate = dir_ + "/missing.pem";
  const auto no_certificate = HttpServer::start(options_, handler);
  EXPECT_THAT(std::string(no_certificate.status().message()), StartsWith(options_.certificate));
}

}  // namespace
}  // namespace gatetape
