#include "gateway/session/connection_facts.h"

#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace gatetape::gateway {
namespace {

// reason_of returns the reason and the detail of a connection_end.
std::pair<std::string, std::string> reason_of(const ConnectionFacts::End& how) {
  if (!how.revoked.empty()) return {"revoked", how.revoked};
  if (!how.shutdown.empty()) return {"shutdown", how.shutdown};
  if (!how.misuse.empty()) return {"protocol", how.misuse};
  if (!how.disconnected.empty()) return {"gateway", printable(how.disconnected)};
  if (how.loss.by_peer) return {"client", ""};
  return {"client_lost", how.loss.error};
}

}  // namespace

ConnectionFacts::ConnectionFacts(std::string id, std::string source, int64_t started_at_ns)
    : id_(std::move(id)), source_(std::move(source)), started_at_ns_(started_at_ns) {}

void ConnectionFacts::on_probe(const std::string& user, const std::string& key_fingerprint) {
  CHECK(user_.empty(), user_, id_);
  probed_as_ = user;
  probes_[key_fingerprint]++;
}

void ConnectionFacts::on_login(const std::string& user, const std::string& key_fingerprint) {
  CHECK(user_.empty() && !user.empty(), user_, id_);
  user_ = user;
  probes_.erase(key_fingerprint);
}

std::optional<Event> ConnectionFacts::take_probes() {
  if (probes_.empty()) return std::nullopt;
  uint64_t count = 0;
  std::string fingerprints;
  for (const auto& [fingerprint, probes] : std::exchange(probes_, {})) {
    count += probes;
    fingerprints += (fingerprints.empty() ? "" : "\n") + fingerprint;
  }
  CHECK(count > 0 && probes_.empty(), id_, count);
  Event event{{"connection", id_}, {"source", source_}, {"user", probed_as_}};
  return event.add_number("count", count).add("key_fingerprints", fingerprints);
}

std::optional<Event> ConnectionFacts::end(const End& how) const {
  if (user_.empty()) return std::nullopt;
  const auto [reason, detail] = reason_of(how);
  Event event{{"connection", id_}, {"user", user_}, {"source", source_}, {"reason", reason}};
  if (!detail.empty()) event.add("detail", detail);
  return event.add("started_at", std::to_string(started_at_ns_));
}

}  // namespace gatetape::gateway
