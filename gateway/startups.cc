#include "gateway/startups.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/check.h"

namespace gatetape::gateway {

std::string Startups::source_of(const std::string& ip) {
  in6_addr address;
  if (inet_pton(AF_INET6, ip.c_str(), &address) != 1) return ip;
  std::fill(address.s6_addr + 8, address.s6_addr + 16, uint8_t{0});
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, &address, text, sizeof text);
  return std::string(text) + "/64";
}

// The share that is dropped grows in a line, as sshd_config(5) describes MaxStartups.
bool Startups::drops(uint32_t chance) const {
  if (unauthenticated_ < limits_.drop_from) return false;
  if (unauthenticated_ >= limits_.unauthenticated) return true;
  const uint64_t over = unauthenticated_ - limits_.drop_from;
  const uint64_t range = limits_.unauthenticated - limits_.drop_from;
  return chance < limits_.drop_rate + (100 - limits_.drop_rate) * over / range;
}

absl::Status Startups::check(const Counts& counts, uint32_t chance) const {
  if (counts.unauthenticated >= limits_.unauthenticated_per_source)
    return absl::ResourceExhaustedError("max_startups_per_source");
  if (counts.connections >= limits_.connections_per_source)
    return absl::ResourceExhaustedError("max_connections_per_source");
  const bool is_logged_in = counts.connections > counts.unauthenticated;
  const bool is_over =
      is_logged_in ? unauthenticated_ >= limits_.unauthenticated + limits_.unauthenticated / 4
                   : drops(chance);
  return is_over ? absl::ResourceExhaustedError("max_startups") : absl::OkStatus();
}

absl::Status Startups::admit(const std::string& source, uint32_t chance) {
  CHECK(chance < 100, chance);
  const absl::MutexLock lock(&mutex_);
  const auto known = sources_.find(source);
  const absl::Status status = check(known == sources_.end() ? Counts{} : known->second, chance);
  if (!status.ok()) return status;
  Counts& counts = sources_[source];
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
