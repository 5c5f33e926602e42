#include "base/os/metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "base/os/fd.h"

namespace gatetape {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A listener on a free loopback port, and the number of the port.
std::pair<Fd, uint16_t> listener() {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(fd.get(), 1), 0);
  EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return {std::move(fd), ntohs(address.sin_port)};
}

std::string scrape(uint16_t port) {
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return "no connection";
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  EXPECT_EQ(write(fd.get(), request.data(), request.size()), ssize_t(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(fd.get(), buffer, sizeof buffer)) > 0;)
    answer.append(buffer, static_cast<size_t>(got));
  return answer;
}

TEST(Metrics, a_figure_is_read_when_it_is_asked_for) {
  const uint16_t port = listener().second;
  double sessions = 1;
  const auto metrics =
      Metrics::serve("127.0.0.1:" + std::to_string(port),
                     {Metrics::figure(Metrics::Kind::kGauge, "live_sessions", "Sessions.",
                                      [&sessions] { return sessions; }),
                      {Metrics::Kind::kCounter, "told_total", "Told.", "reason", [] {
                         return std::vector<Metrics::Sample>{{"a \"b\"", 2}, {"c", 3}};
                       }}});
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_THAT(scrape(port), HasSubstr("\nlive_sessions 1\n"));
  sessions = 7;
  const std::string text = scrape(port);
  EXPECT_THAT(text, HasSubstr("\nlive_sessions 7\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE told_total counter\ntold_total{reason=\"a \\\"b\\\"\"} 2\n"
                              "told_total{reason=\"c\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\nprocess_open_fds "));
  EXPECT_THAT(text, Not(HasSubstr("process_resident_memory_bytes 0\n")));
}

TEST(Metrics, the_room_on_the_disk_is_told_by_path) {
  const uint16_t port = listener().second;
  const auto metrics = Metrics::serve("127.0.0.1:" + std::to_string(port), {disk_figure("/tmp")});
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_THAT(scrape(port), HasSubstr("gatetape_disk_free_bytes{path=\"/tmp\"} "));
}

TEST(Metrics, without_an_address_nothing_listens) { EXPECT_TRUE(Metrics::serve("", {}).ok()); }

TEST(Metrics, a_port_that_is_taken_is_said) {
  const auto [fd, port] = listener();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  const auto metrics = Metrics::serve(address, {});
  EXPECT_EQ(metrics.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(metrics.status().message()), HasSubstr("metrics_listen " + address));
}

}  // namespace
}  // namespace gatetape
