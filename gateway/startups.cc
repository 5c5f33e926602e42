#include "gateway/startups.h"

#include "base/check.h"

namespace gatetape::gateway {

absl::Status Startups::admit(const std::string& source) {
  const absl::MutexLock lock(&mutex_);
  if (unauthenticated_ >= limits_.unauthenticated)
    return absl::ResourceExhaustedError("max_startups");
  Counts& counts = sources_[source];
  if (counts.unauthenticated >= limits_.unauthenticated_per_source)
    return absl::ResourceExhaustedError("max_startups_per_source");
  if (counts.connections >= limits_.connections_per_source)
    return absl::ResourceExhaustedError("max_connections_per_source");
  counts.connections++;
  counts.unauthenticated++;
  unauthenticated_++;
  return absl::OkStatus();
}

void Startups::authenticated(const std::string& source) {
  const absl::MutexLock lock(&mutex_);
  Counts& counts = sources_[source];
  CHECK(counts.unauthenticated > 0, source);
  CHECK(unauthenticated_ >= counts.unauthenticated, unauthenticated_);
  counts.unauthenticated--;
  unauthenticated_--;
}

void Startups::leave(const std::string& source, bool had_authenticated) {
  const absl::MutexLock lock(&mutex_);
  Counts& counts = sources_[source];
  CHECK(counts.connections > 0, source);
  counts.connections--;
  if (!had_authenticated) {
    CHECK(counts.unauthenticated > 0, source);
    counts.unauthenticated--;
    unauthenticated_--;
  }
  CHECK(counts.unauthenticated <= counts.connections, source);
  if (counts.connections == 0) sources_.erase(source);
}

}  // namespace gatetape::gateway
