#include "base/os/http_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "base/os/fd.h"

namespace gatetape {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kOk[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nyes";

// OneAnswer accepts one connection on a loopback port, reads until `until` has come, and writes
// `answer`.
class OneAnswer {
 public:
  OneAnswer(std::string answer, std::string until = "\r\n\r\n")
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_.get(), 1), 0);
    EXPECT_EQ(getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    thread_ = std::thread([this, answer, until] { serve(answer, until); });
  }
  ~OneAnswer() { request(); }
  const std::string& url() const { return url_; }
  // request returns what the client sent, after the connection has ended.
  const std::string& request() {
    shutdown(fd_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    return request_;
  }

 private:
  void serve(const std::string& answer, const std::string& until) {
    const Fd peer(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char buffer[4096];
    ssize_t got = 0;
    while (request_.find(until) == std::string::npos &&
           (got = read(peer.get(), buffer, sizeof buffer)) > 0)
      request_.append(buffer, static_cast<size_t>(got));
    send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    // A server that does not answer waits until the client leaves.
    while (answer.empty() && read(peer.get(), buffer, sizeof buffer) > 0) continue;
  }

  Fd fd_;
  std::string url_, request_;
  std::thread thread_;
};

TEST(HttpClient, a_get_returns_status_type_and_body) {
  OneAnswer server(kOk);
  const auto response = http_get({.url = server.url() + "tile/0/000"});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->content_type, "text/plain");
  EXPECT_EQ(response->body, "yes");
  EXPECT_THAT(server.request(), StartsWith("GET /tile/0/000 HTTP/1.1\r\n"));
}

TEST(HttpClient, a_post_sends_its_body_and_type) {
  const std::string body = std::string("old 0\n\0", 7) + "end";
  OneAnswer server("HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\n\r\n17\n", "end");
  const auto response =
      http_post({.url = server.url(), .body = body, .content_type = "text/plain"});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 409);
  EXPECT_EQ(response->content_type, "text/x.tlog.size");
  EXPECT_EQ(response->body, "17\n");
  EXPECT_THAT(server.request(), StartsWith("POST / HTTP/1.1\r\n"));
  EXPECT_THAT(server.request(), HasSubstr("\r\nContent-Type: text/plain\r\n"));
  EXPECT_THAT(server.request(), EndsWith("\r\n\r\n" + body));
}

TEST(HttpClient, a_redirect_is_not_followed) {
  OneAnswer other(kOk);
  OneAnswer server("HTTP/1.1 302 Found\r\nLocation: " + other.url() +
                   "\r\nContent-Length: 0\r\n\r\n");
  const auto response = http_get({.url = server.url()});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(other.request(), "");
}

TEST(HttpClient, a_proxy_of_the_environment_is_not_used) {
  OneAnswer proxy(kOk);
  OneAnswer server(kOk);
  setenv("http_proxy", proxy.url().c_str(), 1);
  const auto response = http_get({.url = server.url()});
  unsetenv("http_proxy");
  EXPECT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(proxy.request(), "");
}

TEST(HttpClient, the_answer_is_bounded) {
  struct Row {
    const char* name;
    std::string answer;
    bool accepted;
  };
  const std::string headers = "HTTP/1.1 200 OK\r\n";
  const Row rows[] = {
      {"a body of the limit", headers + "\r\n" + std::string(1000, 'x'), true},
      {"a body above the limit", headers + "\r\n" + std::string(1001, 'x'), false},
      {"headers of 60 KiB",
       headers + std::string(30, 'x') + ": " + std::string(60 << 10, 'y') + "\r\n\r\n", true},
      {"headers of 70 KiB",
       headers + std::string(30, 'x') + ": " + std::string(70 << 10, 'y') + "\r\n\r\n", false},
  };
  for (const Row& row : rows) {
    OneAnswer server(row.answer);
    const auto response = http_get({.url = server.url(), .response_bytes_max = 1000});
    EXPECT_EQ(response.ok(), row.accepted) << row.name << ": " << response.status();
    if (!row.accepted) {
      EXPECT_EQ(response.status().code(), absl::StatusCode::kResourceExhausted) << row.name;
      EXPECT_THAT(std::string(response.status().message()),
                  HasSubstr("sent an answer of more than"))
          << row.name;
    }
  }
}

TEST(HttpClient, a_server_that_does_not_answer_is_left_after_the_timeout) {
  OneAnswer server("");
  const auto response = http_get({.url = server.url(), .timeout_ms = 50});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("timed out"));
}

TEST(HttpClient, a_failure_names_the_host_and_the_reason_in_one_line) {
  std::string url;
  {
    OneAnswer gone(kOk);
    url = gone.url();
  }
  url.insert(7, "name:secret@");
  const auto response = http_get({.url = url});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  const std::string message(response.status().message());
  EXPECT_THAT(message, StartsWith("127.0.0.1:"));
  EXPECT_THAT(message, HasSubstr("Connection refused"));
  EXPECT_THAT(message, Not(HasSubstr("secret")));
  EXPECT_THAT(message, Not(HasSubstr("\n")));
}

TEST(HttpClient, only_http_and_https_are_accepted) {
  for (const char* url :
       {"", "file:///etc/passwd", "ftp://127.0.0.1/", "127.0.0.1:80", "http:", "/x"})
    EXPECT_EQ(http_get({.url = url}).status().code(), absl::StatusCode::kInvalidArgument) << url;
}

}  // namespace
}  // namespace gatetape
