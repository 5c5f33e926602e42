#include "gateway/reach/resolver.h"

#include <utility>

namespace gatetape::gateway {
namespace {

// Lookups at the same time. Further names wait in the queue. With four threads one slow name server
// does not delay all other names.
constexpr int kThreads = 4;

}  // namespace

Resolver::Resolver(LookUp look_up) : look_up_(std::move(look_up)) {
  for (int i = 0; i < kThreads; i++) threads_.emplace_back([this] { run(); });
}

Resolver::~Resolver() { stop(); }

void Resolver::stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void Resolver::resolve(const HostPort& endpoint, Done done) {
  if (!parse_ip(endpoint.host).empty()) return done(look_up_(endpoint));
  const absl::MutexLock lock(&mutex_);
  queries_.push_back({endpoint, std::move(done)});
}

void Resolver::run() {
  for (;;) {
    Query query;
    {
      const absl::MutexLock lock(&mutex_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stop_ || !queries_.empty();
      };
      mutex_.Await(absl::Condition(&ready));
      if (stop_) return;
      query = std::move(queries_.front());
      queries_.pop_front();
    }
    query.done(look_up_(query.endpoint));
  }
}

}  // namespace gatetape::gateway
