#include "gateway/reach/ares_names.h"

#include <ares.h>
#include <poll.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace gatetape::gateway {
namespace {

// The longest wait in milliseconds. c-ares asks for shorter ones when a query must be repeated.
constexpr int kWaitMs = 1000;

// addresses_of copies the addresses of an answer, and sets `valid_s` to the least TTL of its
// records.
std::vector<SocketAddress> addresses_of(const ares_addrinfo& answer, int64_t* valid_s) {
  std::vector<SocketAddress> addresses;
  std::optional<int64_t> least;
  const auto lower = [&least](int ttl) { least = std::min<int64_t>(least.value_or(ttl), ttl); };
  for (const ares_addrinfo_node* node = answer.nodes; node != nullptr; node = node->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, node->ai_addr, node->ai_addrlen);
    address.length = node->ai_addrlen;
    lower(node->ai_ttl);
  }
  for (const ares_addrinfo_cname* name = answer.cnames; name != nullptr; name = name->next)
    lower(name->ttl);
  *valid_s = least.value_or(0);
  return addresses;
}

}  // namespace

// Running is one query with a channel of its own, because c-ares can only cancel all queries of a
// channel. A channel reads /etc/resolv.conf, so a change of that file counts from the next query.
class AresNames::Running {
 public:
  Running(uint64_t query, const HostPort& endpoint, const std::string& servers)
      : host_(endpoint.host) {
    found_.query = query;
    int status = ares_init(&channel_);
    if (status == ARES_SUCCESS && !servers.empty())
      status = ares_set_servers_ports_csv(channel_, servers.c_str());
    if (status == ARES_SUCCESS) {
      ask(endpoint.port);
    } else {
      fail(status);
    }
  }
  // c-ares calls on_answer in ares_destroy, when it has not done so before.
  ~Running() {
    if (channel_ != nullptr) ares_destroy(channel_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  bool has_ended() const { return has_ended_; }
  const Found& found() const { return found_; }

  // add_descriptors appends what c-ares waits for.
  void add_descriptors(std::vector<pollfd>* fds) const {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const int wanted = ares_getsock(channel_, sockets.data(), sockets.size());
    for (size_t i = 0; i < sockets.size(); i++) {
      short events = 0;
      if (ARES_GETSOCK_READABLE(wanted, i)) events |= POLLIN;
      if (ARES_GETSOCK_WRITABLE(wanted, i)) events |= POLLOUT;
      if (events != 0) fds->push_back({sockets.at(i), events, 0});
    }
  }
  // process handles the events of its descriptors, and repeats questions whose time is over.
  void process(const std::vector<pollfd>& fds) {
    std::vector<pollfd> mine;
    add_descriptors(&mine);
    for (const pollfd& own : mine) {
      for (const pollfd& seen : fds) {
        if (seen.fd != own.fd || seen.revents == 0) continue;
        const bool reads = (seen.events & POLLIN) != 0;
        const bool writes = (seen.events & POLLOUT) != 0;
        ares_process_fd(channel_, reads ? seen.fd : ARES_SOCKET_BAD,
                        writes ? seen.fd : ARES_SOCKET_BAD);
      }
    }
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }
  int wait_ms() const {
    timeval longest = {kWaitMs / 1000, 0};
    timeval asked{};
    const timeval* wait = ares_timeout(channel_, &longest, &asked);
    return static_cast<int>(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1);
  }

 private:
  void ask(uint16_t port) {
    ares_addrinfo_hints hints{};
    hints.ai_flags = ARES_AI_NUMERICSERV;
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel_, host_.c_str(), std::to_string(port).c_str(), &hints, on_answer,
                     this);
  }
  static void on_answer(void* self, int status, int, ares_addrinfo* answer) {
    Running& running = *static_cast<Running*>(self);
    const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owner(answer,
                                                                             ares_freeaddrinfo);
    if (status != ARES_SUCCESS || answer == nullptr) return running.fail(status);
    std::vector<SocketAddress> addresses = addresses_of(*answer, &running.found_.valid_s);
    if (addresses.empty()) return running.fail(ARES_ENODATA);
    running.found_.addresses = std::move(addresses);
    running.has_ended_ = true;
  }
  void fail(int status) {
    found_.addresses = absl::UnavailableError(absl::StrCat(host_, ": ", ares_strerror(status)));
    has_ended_ = true;
  }

  const std::string host_;
  ares_channel channel_ = nullptr;
  Found found_;
  bool has_ended_ = false;
};

AresNames::AresNames(std::string servers) : servers_(std::move(servers)) {
  const int status = ares_library_init(ARES_LIB_INIT_ALL);
  CHECK(status == ARES_SUCCESS, status);
}

AresNames::~AresNames() {
  running_.clear();
  ares_library_cleanup();
}

void AresNames::start(uint64_t query, const HostPort& endpoint) {
  const bool is_new =
      running_.emplace(query, std::make_unique<Running>(query, endpoint, servers_)).second;
  CHECK(is_new, query);
}

void AresNames::cancel(uint64_t query) { running_.erase(query); }

std::vector<Found> AresNames::wait(int wake_fd) {
  std::vector<pollfd> fds = {{wake_fd, POLLIN, 0}};
  int wait_ms = running_.empty() ? -1 : kWaitMs;
  for (const auto& [query, running] : running_) {
    if (running->has_ended()) {
      wait_ms = 0;  // an entry of /etc/hosts, for example
    } else {
      running->add_descriptors(&fds);
      wait_ms = std::min(wait_ms, running->wait_ms());
    }
  }
  poll(fds.data(), fds.size(), wait_ms);
  std::vector<Found> answers;
  for (auto one = running_.begin(); one != running_.end();) {
    if (!one->second->has_ended()) one->second->process(fds);
    if (!one->second->has_ended()) {
      ++one;
      continue;
    }
    answers.push_back(one->second->found());
    one = running_.erase(one);
  }
  return answers;
}

}  // namespace gatetape::gateway
