// AresNames: the NameService of the system: /etc/hosts and the DNS servers of /etc/resolv.conf, by
// c-ares. Unlike getaddrinfo, c-ares returns the TTL of an answer, and a query can be cancelled.
// Plugins of the name service switch (mDNS, LDAP) are not asked. One thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "gateway/reach/name_service.h"

namespace gatetape::gateway {

class AresNames : public NameService {
 public:
  // `servers` are DNS servers as address:port with commas between them; when it is empty, those of
  // the system are asked.
  explicit AresNames(std::string servers = "");
  ~AresNames() override;
  AresNames(const AresNames&) = delete;
  AresNames& operator=(const AresNames&) = delete;

  void start(uint64_t query, const HostPort& endpoint) override;
  void cancel(uint64_t query) override;
  std::vector<Found> wait(int wake_fd) override;

 private:
  class Running;

  const std::string servers_;
  std::map<uint64_t, std::unique_ptr<Running>> running_;  // by query
};

}  // namespace gatetape::gateway
