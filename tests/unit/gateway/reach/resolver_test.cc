// Tests the resolver over a name service that the test controls.
#include "gateway/reach/resolver.h"

#include <gmock/gmock.h>
#include <poll.h>

#include <atomic>
#include <optional>
#include <set>
#include <utility>

#include "absl/synchronization/notification.h"

namespace gatetape::gateway {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

class StoppedClock : public Clock {
 public:
  int64_t wall_ns() const override { return now_ns; }
  int64_t mono_ns() const override { return now_ns; }
  std::atomic<int64_t> now_ns = 0;
};

// SlowNames answers names that begin with "slow" never, and others at once with a TTL of 30 s.
class SlowNames : public NameService {
 public:
  struct Seen {
    std::atomic<size_t> started = 0;
    std::atomic<size_t> cancelled = 0;
  };
  explicit SlowNames(Seen* seen) : seen_(seen) {}
  void start(uint64_t query, const HostPort& endpoint) override {
    seen_->started++;
    if (endpoint.host.starts_with("slow")) return void(slow_.insert(query));
    found_.push_back({.query = query,
                      .addresses = std::vector{*numeric_address({"10.0.0.1", endpoint.port})},
                      .valid_s = 30});
  }
  void cancel(uint64_t query) override { seen_->cancelled += slow_.erase(query); }
  std::vector<Found> wait(int wake_fd) override {
    pollfd asked = {wake_fd, POLLIN, 0};
    if (found_.empty()) poll(&asked, 1, -1);
    return std::exchange(found_, {});
  }

 private:
  Seen* const seen_;
  std::set<uint64_t> slow_;
  std::vector<Found> found_;
};

class ResolverTest : public testing::Test {
 protected:
  // resolve waits for the answer, and returns its first address.
  std::string resolve(const std::string& host, const std::string& user) {
    Resolver::Answer got = absl::UnknownError("");
    absl::Notification answered;
    resolver_.resolve({host, 22}, user, [&](Resolver::Answer answer) {
      got = std::move(answer);
      answered.Notify();
    });
    answered.WaitForNotification();
    return got.ok() ? got->front().to_text() : std::string(got.status().message());
  }
  uint64_t start_slow(const std::string& user) {
    return resolver_.resolve({"slow", 22}, user,
                             [](const Resolver::Answer&) { ADD_FAILURE() << "answered"; });
  }
  StoppedClock clock_;
  SlowNames::Seen seen_;
  Resolver resolver_{std::make_unique<SlowNames>(&seen_), clock_};
};

TEST_F(ResolverTest, a_name_is_looked_up_again_when_its_ttl_is_over) {
  EXPECT_EQ(resolve("db1", "alice"), "10.0.0.1:22");
  clock_.now_ns = 30 * kSecondNs - 1;
  EXPECT_EQ(resolve("db1", "bob"), "10.0.0.1:22");
  EXPECT_EQ(seen_.started, 1u);
  clock_.now_ns = 30 * kSecondNs;
  EXPECT_EQ(resolve("db1", "bob"), "10.0.0.1:22");
  EXPECT_EQ(seen_.started, 2u);
}

TEST_F(ResolverTest, four_slow_names_of_one_user_delay_no_name_of_another) {
  for (size_t i = 0; i < Lookups::kRunningPerUserMax + 1; i++) start_slow("mallory");
  EXPECT_EQ(resolve("db1", "alice"), "10.0.0.1:22");
  EXPECT_EQ(seen_.started, Lookups::kRunningPerUserMax + 1) << "the fifth slow one waits";
}

TEST_F(ResolverTest, a_cancelled_look_up_frees_its_place) {
  std::vector<uint64_t> slow;
  for (size_t i = 0; i < Lookups::kRunningPerUserMax; i++) slow.push_back(start_slow("alice"));
  absl::Notification answered;
  resolver_.resolve({"db1", 22}, "alice", [&](const Resolver::Answer&) { answered.Notify(); });
  EXPECT_EQ(resolve("db2", "bob"), "10.0.0.1:22");
  EXPECT_FALSE(answered.HasBeenNotified()) << "alice has four running";
  resolver_.cancel(slow.front());
  answered.WaitForNotification();
  EXPECT_EQ(seen_.cancelled, 1u);
  resolver_.cancel(slow.front());  // has ended
}

TEST_F(ResolverTest, a_numeric_host_needs_no_look_up) {
  EXPECT_EQ(resolve("10.0.0.7", "alice"), "10.0.0.7:22");
  EXPECT_EQ(seen_.started, 0u);
}

}  // namespace
}  // namespace gatetape::gateway
