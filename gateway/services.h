// Services: the objects that the connections of all loops share. main makes them, and they outlive
// the loops. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/refusals.h"
#include "gateway/refused_logins.h"
#include "gateway/session/memory_budget.h"
#include "gateway/session/session_numbers.h"
#include "gateway/startups.h"
#include "policy/access.h"
#include "policy/config.h"
#include "tee/record_link.h"
#include "tee/system_log.h"

namespace gatetape::gateway {

class Resolver;  // gateway/reach
class RollbackGuard;

// Box holds what a reload replaces. Who got the value from get() uses it to the end of one
// decision. Any thread.
template <typename Value>
class Box {
 public:
  explicit Box(std::shared_ptr<const Value> value) : value_(std::move(value)) {}
  std::shared_ptr<const Value> get() const {
    const absl::MutexLock lock(&mutex_);
    return value_;
  }
  void set(std::shared_ptr<const Value> value) {
    const absl::MutexLock lock(&mutex_);
    value_ = std::move(value);
  }

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Value> value_ ABSL_GUARDED_BY(mutex_);  // shared by all loops and main
};
using AccessBox = Box<Access>;       // the access rules in force
using BannerBox = Box<std::string>;  // what clients see before the login, empty for nothing

struct Services {
  const Config& config;
  const Clock& clock;
  tee::RecordLink& link;
  tee::SystemLog& log;
  const SigningKey& signing_key;  // signs session heads
  const SigningKey& user_ca;      // signs the certificates for targets
  const SigningKey& host_ca;      // signs the host certificates that clients see
  const PublicKey host_key;       // the gateway's own SSH host key
  AccessBox& access;
  BannerBox& banner;
  Startups& startups;
  Refusals& refusals;
  RefusedLogins& refused_logins;
  MemoryBudget& memory;
  Resolver& resolver;
  RollbackGuard* rollback_guard;  // null when [gateway] log_keys is empty
  std::atomic<uint64_t> live_sessions{0};
  std::atomic<uint64_t> certificate_serial{0};
  SessionNumbers session_numbers{};
};

}  // namespace gatetape::gateway
