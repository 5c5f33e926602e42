#include "gateway/reach/resolver.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "base/check.h"

namespace gatetape::gateway {

Resolver::Resolver(std::unique_ptr<NameService> names, const Clock& clock)
    : names_(std::move(names)), clock_(clock), wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(wake_fd_.get() >= 0);
  thread_ = std::thread([this] { run(); });
}

Resolver::~Resolver() { stop(); }

void Resolver::stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

void Resolver::wake() {
  const uint64_t one = 1;
  const ssize_t written = write(wake_fd_.get(), &one, sizeof one);
  CHECK(written == sizeof one, written);
}

uint64_t Resolver::resolve(const HostPort& endpoint, const std::string& user, Done done) {
  if (const auto numeric = numeric_address(endpoint); numeric.ok())
    return done(std::vector{*numeric}), 0;
  std::vector<SocketAddress> known = kept(endpoint);
  if (known.empty()) return ask(endpoint, user, std::move(done));
  done(std::move(known));
  return 0;
}

std::vector<SocketAddress> Resolver::kept(const HostPort& endpoint) {
  const absl::MutexLock lock(&mutex_);
  return cache_.get(endpoint, clock_.mono_ns());
}

uint64_t Resolver::ask(const HostPort& endpoint, const std::string& user, Done done) {
  uint64_t query = 0;
  {
    const absl::MutexLock lock(&mutex_);
    query = ++last_query_;
    waiters_[query] = {endpoint, std::move(done)};
    lookups_.add({.id = query, .user = user, .endpoint = endpoint});
  }
  wake();
  return query;
}

void Resolver::cancel(uint64_t query) {
  {
    const absl::MutexLock lock(&mutex_);
    if (waiters_.erase(query) == 0) return;
    if (!lookups_.end(query)) return;
    cancelled_.push_back(query);
  }
  wake();
}

std::vector<Query> Resolver::startable() {
  const absl::MutexLock lock(&mutex_);
  std::vector<Query> queries;
  while (std::optional<Query> query = lookups_.next()) queries.push_back(*std::move(query));
  return queries;
}

void Resolver::end_cancelled() {
  std::vector<uint64_t> queries;
  {
    const absl::MutexLock lock(&mutex_);
    queries.swap(cancelled_);
  }
  for (const uint64_t query : queries) names_->cancel(query);
}

void Resolver::answer(const Found& found) {
  Done done;
  {
    const absl::MutexLock lock(&mutex_);
    const auto waiter = waiters_.find(found.query);
    if (waiter == waiters_.end()) return;  // cancelled since
    const bool was_running = lookups_.end(found.query);
    CHECK(was_running, found.query);
    if (found.addresses.ok())
      cache_.put(waiter->second.endpoint, *found.addresses, found.valid_s, clock_.mono_ns());
    done = std::move(waiter->second.done);
    waiters_.erase(waiter);
  }
  done(found.addresses);
}

// A query that is cancelled between startable() and start() is ended by the next round.
void Resolver::run() {
  for (;;) {
    {
      const absl::MutexLock lock(&mutex_);
      if (stop_) return;
    }
    for (const Query& query : startable()) names_->start(query.id, query.endpoint);
    end_cancelled();
    for (const Found& found : names_->wait(wake_fd_.get())) answer(found);
    uint64_t count = 0;
    while (read(wake_fd_.get(), &count, sizeof count) > 0) {
    }
  }
}

}  // namespace gatetape::gateway
