// Lookups: which look-up of a name starts next, so that slow names of one user do not delay those
// of others. Pure; the resolver owns it and guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/endpoint.h"

namespace gatetape::gateway {

// Query is one name that a user waits for.
struct Query {
  uint64_t id = 0;
  std::string user;
  HostPort endpoint;
};

class Lookups {
 public:
  // Look-ups that run at the same time, in all and per user. Further ones wait. Each holds at most
  // two sockets and a few KiB. Four slow names of one user leave room for 15 other users who do
  // the same.
  static constexpr size_t kRunningMax = 64;
  static constexpr size_t kRunningPerUserMax = 4;

  // add appends a query to the queue of its user. A session has at most one query, so the limits of
  // sessions are those of the queue.
  void add(Query query);
  // next returns the query that may start now, and counts it as running. Users whose queries wait
  // take turns. It returns nothing when none may start.
  std::optional<Query> next();
  // end removes a query, waiting or running, and returns true when it was running. An unknown
  // query is ignored.
  bool end(uint64_t id);
  size_t running() const { return users_of_running_.size(); }

 private:
  struct User {
    std::deque<Query> waiting;
    size_t running = 0;
  };
  void forget_if_idle(const std::string& name);

  std::map<std::string, User> users_;                 // that wait or run something
  std::map<uint64_t, std::string> users_of_running_;  // by query
  std::string last_;                                  // the user whose query was started last
};

}  // namespace gatetape::gateway
