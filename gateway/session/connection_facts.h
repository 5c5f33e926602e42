// ConnectionFacts: what is recorded about one connection of a client besides its login attempts:
// probes with public keys before the login, and the end of a connection that had logged in. Pure;
// owned by a connection, session loop only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "gateway/session/ports.h"
#include "record/event.h"

namespace gatetape::gateway {

class ConnectionFacts {
 public:
  // End is how a connection ended. The first member that is not empty is the reason.
  struct End {
    std::string revoked{};       // why the access rules do not allow it any more
    std::string shutdown{};      // why the gateway stops
    std::string misuse{};        // what the client did against the protocol or a limit
    std::string disconnected{};  // the line with which the gateway disconnected the client
    Loss loss{};
  };

  // `id` names the connection in the record; `source` is address:port of the client.
  ConnectionFacts(std::string id, std::string source, int64_t started_at_ns);

  // on_probe is called when a client learns that a public key would do, without a proof that it has
  // the private key. `user` is as typed.
  void on_probe(const std::string& user, const std::string& key_fingerprint);
  // on_login is called when the login with this key has succeeded. Probes with this key were no
  // more than its first step.
  void on_login(const std::string& user, const std::string& key_fingerprint);
  // take_probes returns the fields of key_probe, once; nothing when there were no other probes.
  std::optional<Event> take_probes();
  // end returns the fields of connection_end; nothing when nobody had logged in, because what
  // strangers do is counted in other frames.
  std::optional<Event> end(const End& how) const;

 private:
  const std::string id_;
  const std::string source_;
  const int64_t started_at_ns_;
  std::string user_;                        // who logged in, empty before
  std::string probed_as_;                   // the name of the newest probe
  std::map<std::string, uint64_t> probes_;  // by key_fingerprint
};

}  // namespace gatetape::gateway
