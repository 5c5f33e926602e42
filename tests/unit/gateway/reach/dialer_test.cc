#include "gateway/reach/dialer.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"

namespace gatetape::gateway {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

SocketAddress loopback(uint16_t port) { return *numeric_address({"127.0.0.1", port}); }

// Listener is a listening socket on a free port of 127.0.0.1.
class Listener {
 public:
  explicit Listener(int backlog = 16)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), address_(loopback(0)) {
    EXPECT_EQ(bind(fd_.get(), address_.name(), address_.length), 0);
    EXPECT_EQ(listen(fd_.get(), backlog), 0);
    EXPECT_EQ(
        getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address_.storage), &address_.length),
        0);
  }
  const SocketAddress& address() const { return address_; }
  // accept_waiting accepts the connections that wait, and returns how many these were.
  int accept_waiting() {
    int count = 0;
    pollfd asked = {fd_.get(), POLLIN, 0};
    for (; poll(&asked, 1, 0) > 0; count++)
      accepted_.emplace_back(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return count;
  }

 private:
  std::vector<Fd> accepted_;
  Fd fd_;
  SocketAddress address_;
};

// Silent is an address that answers nothing: the queue of its socket is full, so that the kernel
// drops further SYN packets.
class Silent {
 public:
  Silent() : listener_(0) {
    for (Fd& filler : fillers_) {
      filler = Fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      connect(filler.get(), address().name(), address().length);
    }
  }
  const SocketAddress& address() const { return listener_.address(); }
  // answer empties the queue, so that the next SYN packet is answered. The kernel repeats it after
  // a second.
  void answer() {
    for (Fd& filler : fillers_) filler.reset();
    EXPECT_GT(listener_.accept_waiting(), 0);
  }

 private:
  Listener listener_;
  std::array<Fd, 4> fillers_;
};

// refused_address returns an address at which nobody listens.
SocketAddress refused_address() { return Listener().address(); }

// FakeNames answers each query by a function, on the thread of the resolver.
class FakeNames : public NameService {
 public:
  using LookUp = std::function<absl::StatusOr<std::vector<SocketAddress>>(const HostPort&)>;
  explicit FakeNames(LookUp look_up) : look_up_(std::move(look_up)) {}
  void start(uint64_t query, const HostPort& endpoint) override {
    found_.push_back({.query = query, .addresses = look_up_(endpoint), .valid_s = 0});
  }
  void cancel(uint64_t) override {}
  std::vector<Found> wait(int wake_fd) override {
    pollfd asked = {wake_fd, POLLIN, 0};
    if (found_.empty()) poll(&asked, 1, -1);
    return std::exchange(found_, {});
  }

 private:
  const LookUp look_up_;
  std::vector<Found> found_;
};

// HangingNames answers no query, and tells when one was started and cancelled.
class HangingNames : public NameService {
 public:
  HangingNames(absl::Notification* started, absl::Notification* cancelled)
      : started_(started), cancelled_(cancelled) {}
  void start(uint64_t, const HostPort&) override { started_->Notify(); }
  void cancel(uint64_t) override { cancelled_->Notify(); }
  std::vector<Found> wait(int wake_fd) override {
    pollfd asked = {wake_fd, POLLIN, 0};
    poll(&asked, 1, -1);
    return {};
  }

 private:
  absl::Notification* const started_;
  absl::Notification* const cancelled_;
};

// Ticker calls on_tick of a dialer at each tick of the loop.
class Ticker : public Member {
 public:
  explicit Ticker(Dialer& dialer) : dialer_(dialer) {}
  void service() override {}
  void on_tick(int64_t mono_ns) override { dialer_.on_tick(mono_ns); }
  bool finished() const override { return dialer_.done(); }
  void shut_down(const std::string&) override {}

 private:
  Dialer& dialer_;
};

// Dial runs a Dialer on a loop of its own.
class Dial : public testing::Test {
 protected:
  // dial returns what the Dialer returned for a host, and leaves its address in `tried_`. In the
  // loop it calls `meanwhile` after the start.
  absl::StatusOr<Fd> dial(
      const std::string& host, uint16_t port, FakeNames::LookUp look_up,
      const std::function<void(Dialer&)>& meanwhile = [](Dialer&) {}) {
    Resolver resolver(std::make_unique<FakeNames>(std::move(look_up)), system_clock());
    absl::StatusOr<Fd> result = absl::UnknownError("not called");
    Dialer dialer(loop_, resolver, [&](absl::StatusOr<Fd> fd) {
      result = std::move(fd);
      loop_.stop("done", 0);
    });
    loop_.post([&] {
      dialer.start({host, port}, "alice", timeout_s_);
      loop_.adopt(std::make_unique<Ticker>(dialer));
      meanwhile_ = [&] { meanwhile(dialer); };
      loop_.post([&] { when_tried(dialer); });
    });
    loop_.run();
    EXPECT_TRUE(dialer.done());
    tried_ = dialer.address();
    all_tried_ = dialer.tried();
    return result;
  }
  // when_tried calls meanwhile_ when the addresses are known, or at once for another name.
  void when_tried(Dialer& dialer) {
    if (!waits_ || dialer.done() || !dialer.tried().empty()) return meanwhile_();
    loop_.post([&] { when_tried(dialer); });
  }
  absl::StatusOr<Fd> dial_all(
      std::vector<SocketAddress> addresses,
      const std::function<void(Dialer&)>& meanwhile = [](Dialer&) {}) {
    waits_ = true;
    return dial(
        "db1", 22, [addresses](const HostPort&) { return addresses; }, meanwhile);
  }
  int64_t now_ns() const { return loop_.clock().mono_ns(); }

  Loop loop_{system_clock()};
  std::function<void()> meanwhile_;
  uint32_t timeout_s_ = 2;
  bool waits_ = false;
  std::string tried_;
  std::vector<std::string> all_tried_;
};

TEST_F(Dial, connects_to_a_numeric_host) {
  const Listener listener;
  const auto port =
      ntohs(reinterpret_cast<const sockaddr_in*>(&listener.address().storage)->sin_port);
  const absl::StatusOr<Fd> fd = dial("127.0.0.1", port, nullptr);
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(tried_, listener.address().to_text());
  sockaddr_in peer{};
  socklen_t length = sizeof peer;
  ASSERT_EQ(getpeername(fd->get(), reinterpret_cast<sockaddr*>(&peer), &length), 0);
  EXPECT_EQ(ntohs(peer.sin_port), port);
}

TEST_F(Dial, a_refused_port_is_unavailable_and_its_address_is_known) {
  const SocketAddress address = refused_address();
  const absl::StatusOr<Fd> fd = dial_all({address});
  EXPECT_EQ(fd.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(fd.status().message()), testing::HasSubstr("Connection refused"));
  EXPECT_EQ(tried_, address.to_text());
}

TEST_F(Dial, a_name_without_an_address_is_unavailable) {
  const absl::StatusOr<Fd> fd =
      dial("db1", 22, [](const HostPort&) { return absl::UnavailableError("db1: unknown"); });
  EXPECT_EQ(fd.status().message(), "db1: unknown");
  EXPECT_EQ(tried_, "");
}

TEST_F(Dial, the_second_address_answers_when_the_first_one_refuses) {
  const Listener listener;
  const absl::StatusOr<Fd> fd = dial_all({refused_address(), listener.address()});
  EXPECT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(tried_, listener.address().to_text());
}

TEST_F(Dial, the_second_address_is_tried_250_ms_after_a_silent_first_one) {
  const Silent silent;
  const Listener listener;
  const absl::StatusOr<Fd> fd = dial_all({silent.address(), listener.address()}, [&](Dialer& d) {
    d.on_tick(now_ns());
    EXPECT_EQ(d.tried().size(), 1u) << "250 ms are not over";
    d.on_tick(now_ns() + kSecondNs / 4);
    EXPECT_EQ(d.tried().size(), 2u);
  });
  EXPECT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(tried_, listener.address().to_text());
}

TEST_F(Dial, a_slow_first_address_is_still_taken_while_the_second_one_is_tried) {
  const Silent silent;
  Silent slow;
  timeout_s_ = 30;
  const absl::StatusOr<Fd> fd = dial_all({slow.address(), silent.address()}, [&](Dialer& d) {
    d.on_tick(now_ns() + kSecondNs / 4);
    EXPECT_EQ(d.tried().size(), 2u);
    EXPECT_EQ(d.address(), silent.address().to_text()) << "the one that was tried last";
    slow.answer();
  });
  EXPECT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(tried_, slow.address().to_text()) << "the one that accepted";
}

TEST_F(Dial, a_failed_attempt_does_not_end_the_others) {
  const Silent silent;
  const absl::StatusOr<Fd> fd = dial_all({silent.address(), refused_address()}, [&](Dialer& d) {
    d.on_tick(now_ns() + kSecondNs / 4);
    loop_.post([&] { d.on_tick(now_ns() + kSecondNs * 5 / 2); });
  });
  EXPECT_EQ(fd.status().message(), "no answer within 2 s");
  EXPECT_EQ(all_tried_.size(), 2u);
}

TEST_F(Dial, an_attempt_without_an_answer_ends_after_the_timeout) {
  const Silent silent;
  const absl::StatusOr<Fd> fd = dial_all({silent.address()}, [&](Dialer& d) {
    d.on_tick(now_ns() + kSecondNs * 3 / 2);
    EXPECT_FALSE(d.done());
    d.on_tick(now_ns() + kSecondNs * 5 / 2);
  });
  EXPECT_EQ(fd.status().message(), "no answer within 2 s");
}

TEST_F(Dial, a_lookup_that_hangs_ends_after_the_timeout_and_its_answer_is_dropped) {
  absl::Notification late;
  const absl::StatusOr<Fd> fd = dial(
      "db1", 22,
      [&](const HostPort&) {
        late.WaitForNotification();
        return std::vector{refused_address()};
      },
      [&](Dialer& d) {
        d.on_tick(now_ns() + kSecondNs * 5 / 2);
        late.Notify();
      });
  EXPECT_EQ(fd.status().message(), "no answer within 2 s");
  EXPECT_EQ(tried_, "");
}

TEST_F(Dial, a_lookup_that_nobody_waits_for_is_cancelled) {
  for (const bool by_timeout : {true, false}) {
    absl::Notification started;
    absl::Notification cancelled;
    Resolver resolver(std::make_unique<HangingNames>(&started, &cancelled), system_clock());
    std::optional<Dialer> dialer;
    dialer.emplace(loop_, resolver, [](const absl::StatusOr<Fd>&) {});
    dialer->start({"slow", 22}, "alice", 2);
    started.WaitForNotification();
    if (by_timeout) {
      dialer->on_tick(now_ns() + kSecondNs * 5 / 2);
    } else {
      dialer.reset();
    }
    cancelled.WaitForNotification();
  }
}

TEST_F(Dial, a_dialer_that_is_destroyed_while_it_resolves_is_never_called) {
  absl::Notification asked;
  absl::Notification destroyed;
  Resolver resolver(std::make_unique<FakeNames>([&](const HostPort&) {
                      asked.Notify();
                      destroyed.WaitForNotification();
                      return absl::UnavailableError("db1: unknown");
                    }),
                    system_clock());
  bool called = false;
  std::optional<Dialer> dialer;
  dialer.emplace(loop_, resolver, [&](const absl::StatusOr<Fd>&) { called = true; });
  loop_.post([&] {
    dialer->start({"db1", 22}, "alice", 2);
    asked.WaitForNotification();
    dialer.reset();
    destroyed.Notify();
    resolver.stop();  // The answer is posted now, before the end of the loop.
    loop_.stop("done", 0);
  });
  loop_.run();
  EXPECT_FALSE(called);
}

TEST(DialerDeathTest, a_second_start_is_a_bug) {
  Loop loop(system_clock());
  Resolver resolver(std::make_unique<FakeNames>(nullptr), system_clock());
  Dialer dialer(loop, resolver, [](absl::StatusOr<Fd>) {});
  dialer.start({"127.0.0.1", 1}, "alice", 2);
  EXPECT_DEATH(dialer.start({"127.0.0.1", 1}, "alice", 2), "State::kIdle");
}

}  // namespace
}  // namespace gatetape::gateway
