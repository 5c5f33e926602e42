// LogRows: the tables log_entry, heads and session_heads of the simulated database, and the rule
// `log` of the oracle (tests/sim/oracle.h). The Database owns it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "recorder/store.h"
#include "tests/sim/world.h"

namespace gatetape::sim {

class LogRows {
 public:
  // Ends holds each session that opens or closes in a transaction.
  struct End {
    bool opens = false;
    bool closes = false;
  };
  using Ends = std::map<SessionId, End>;

  explicit LogRows(World* world) : world_(world) {}

  // collide returns true when a primary key of the rows of these lists is taken.
  bool collide(const std::vector<recorder::SignedList>& lists) const;
  // commit stores the lists of a transaction. A session that opens or closes in the transaction and
  // has no such line, and any other such line, is a violation.
  void commit(const std::vector<recorder::SignedList>& lists, const Ends& ends);
  // listed returns the largest size of a session that a list names.
  uint64_t listed(const SessionId& session) const;
  // heads_of returns every size and root of a session that a list names.
  std::vector<TreeHead> heads_of(const SessionId& session) const;
  // check_rest checks the entries when everything is at rest: each is signed by one of these keys,
  // and the numbers of each run are 1, 2, 3 ...
  void check_rest(const std::vector<PublicKey>& recorders) const;

 private:
  using State = HeadsLine::State;

  void check_entry(const recorder::SignedList& one);
  void check_lines(const recorder::SignedList& one, const Ends& ends);
  void check_ends(const std::vector<recorder::SignedList>& lists, const Ends& ends);

  World* const world_;
  std::set<Hash> leaves_;
  std::vector<std::string> entries_;
  std::map<std::string, std::set<uint64_t>> runs_;
  std::set<std::pair<SessionId, State>> session_heads_;
  std::map<SessionId, std::vector<TreeHead>> heads_;
};

}  // namespace gatetape::sim
