// Tests look-ups against a DNS server of the test.
#include "gateway/reach/ares_names.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>

#include "base/bytes.h"
#include "base/os/fd.h"

namespace gatetape::gateway {
namespace {

// DnsServer answers every question for an address of the type A by 10.0.0.9 with a TTL of 7 s, and
// for other types by nothing (RFC 1035). It never answers questions for names that begin with
// "slow".
class DnsServer {
 public:
  DnsServer() : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    SocketAddress address = *numeric_address({"127.0.0.1", 0});
    EXPECT_EQ(bind(socket_.get(), address.name(), address.length), 0);
    name_ = local_address(socket_.get()).to_text();
    thread_ = std::thread([this] { serve(); });
  }
  ~DnsServer() {
    stop_ = true;
    shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;
  const std::string& name() const { return name_; }

 private:
  void serve() {
    std::array<char, 1024> buffer{};
    while (!stop_) {
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      auto* const peer = reinterpret_cast<sockaddr*>(&from);
      pollfd asked = {socket_.get(), POLLIN, 0};
      if (poll(&asked, 1, 50) <= 0) continue;
      const ssize_t got = recvfrom(socket_.get(), buffer.data(), buffer.size(), 0, peer, &length);
      if (got < 17) continue;
      const std::string answer = answer_to({buffer.data(), static_cast<size_t>(got)});
      if (!answer.empty()) sendto(socket_.get(), answer.data(), answer.size(), 0, peer, length);
    }
  }
  static std::string answer_to(const std::string& question) {
    if (question.compare(13, 4, "slow") == 0) return "";
    const size_t end = question.find('\0', 12) + 5;  // behind the name, its type and its class
    const bool is_a = question[end - 3] == 1;
    std::string answer = question.substr(0, 2) + std::string("\x81\x80\0\1\0", 5);
    answer += is_a ? '\1' : '\0';
    answer += std::string(4, '\0') + question.substr(12, end - 12);
    if (is_a) answer += std::string("\xc0\x0c\0\1\0\1\0\0\0\7\0\4\x0a\0\0\x09", 16);
    return answer;
  }

  Fd socket_;
  std::string name_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class AresNamesTest : public testing::Test {
 protected:
  // wait_for returns the answer to one query.
  Found wait_for(uint64_t query) {
    for (int i = 0; i < 100; i++)
      for (const Found& found : names_.wait(wake_.get()))
        if (found.query == query) return found;
    return {.query = 0, .addresses = absl::UnknownError("no answer"), .valid_s = 0};
  }
  DnsServer server_;
  AresNames names_{server_.name()};
  Fd wake_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

TEST_F(AresNamesTest, a_name_has_its_addresses_with_their_ttl) {
  names_.start(1, {"db1.test", 2222});
  const Found found = wait_for(1);
  ASSERT_TRUE(found.addresses.ok()) << found.addresses.status();
  ASSERT_EQ(found.addresses->size(), 1u);
  EXPECT_EQ(found.addresses->front().to_text(), "10.0.0.9:2222");
  EXPECT_EQ(found.valid_s, 7);
}

TEST_F(AresNamesTest, an_entry_of_the_hosts_file_is_found_and_not_kept) {
  names_.start(1, {"localhost", 22});
  const Found found = wait_for(1);
  ASSERT_TRUE(found.addresses.ok()) << found.addresses.status();
  EXPECT_EQ(found.valid_s, 0);
}

TEST_F(AresNamesTest, a_slow_name_delays_no_other_and_can_be_cancelled) {
  for (uint64_t query = 1; query <= 4; query++)
    names_.start(query, {"slow" + std::to_string(query) + ".test", 22});
  names_.start(5, {"db1.test", 22});
  EXPECT_TRUE(wait_for(5).addresses.ok());
  for (uint64_t query = 1; query <= 4; query++) names_.cancel(query);
  ASSERT_EQ(eventfd_write(wake_.get(), 1), 0);
  EXPECT_THAT(names_.wait(wake_.get()), testing::IsEmpty());
}

TEST_F(AresNamesTest, a_name_that_is_too_long_is_unavailable) {
  names_.start(1, {std::string(300, 'x'), 22});
  EXPECT_EQ(wait_for(1).addresses.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace gatetape::gateway
