// Database and Store: a simulated PostgreSQL, and a recorder's connection to it. The database has
// the same primary keys as migrations/0001_evidence.sql and 0005_log.sql and makes no other check
// of its rows: it does not check their order or look for holes. A transaction stores everything or
// nothing, and its rows are visible when it is committed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "record/verify.h"
#include "recorder/store.h"
#include "tests/sim/log_rows.h"
#include "tests/sim/oracle.h"

namespace gatetape::sim {

// Insert is one session's part of a transaction.
struct Insert {
  SessionId session;
  std::optional<StoredBatch> batch;
  std::optional<CommitKeys> keys;  // set only with frame 1
  int64_t started_at_ns = 0;
  std::optional<StoredHead> head;
};

// Transaction is what one commit inserts.
struct Transaction {
  std::vector<Insert> inserts;
  std::vector<recorder::SignedList> lists;
};

class Database {
 public:
  struct Rows {
    std::map<uint64_t, StoredBatch> frames;  // by first_seq
    std::optional<CommitKeys> keys;
    int64_t started_at_ns = 0;
    std::optional<StoredHead> head;
  };

  Database(World* world, Oracle* oracle) : world_(world), oracle_(oracle), log_(world) {}

  // commit writes the rows in one transaction. It fails with ALREADY_EXISTS when a key exists
  // already and with INVALID_ARGUMENT for a poisoned frame; then it stores nothing.
  absl::Status commit(const Transaction& transaction);
  recorder::Tail tail(const SessionId& session) const;
  // poison makes the database reject the row that holds this frame.
  void poison(const SessionId& session, uint64_t seq) { poison_[session] = seq; }
  const std::map<SessionId, Rows>& sessions() const { return sessions_; }
  const LogRows& log() const { return log_; }

 private:
  absl::Status check(const Insert& insert) const;
  absl::Status check_all(const Transaction& transaction) const;
  void put(const Insert& insert);
  void put_lists(const Transaction& transaction);

  World* const world_;
  Oracle* const oracle_;
  LogRows log_;
  std::map<SessionId, Rows> sessions_;
  std::map<SessionId, uint64_t> poison_;
};

class Store : public recorder::Store {
 public:
  // A commit whose part of one session exceeds the share is a violation.
  Store(World* world, Oracle* oracle, Database* database, uint64_t session_cost_max)
      : world_(world), oracle_(oracle), database_(database), session_cost_max_(session_cost_max) {}

  absl::Status open() override;
  absl::Status commit(const recorder::Commit& commit) override;
  absl::StatusOr<std::vector<recorder::Tail>> read_tails(
      absl::Span<const SessionId> sessions) override;
  absl::Status keep_up() override { return absl::OkStatus(); }

  // check_listed is called when the recorder has nothing to do: what it committed a second ago is
  // named by a list.
  void check_listed();
  // forget is called when the recorder dies, which may leave a second without a list.
  void forget() { unlisted_.clear(); }

 private:
  // Committed is what the store has answered for: frames up to `seq`.
  struct Committed {
    uint64_t seq = 0;
    int64_t at_ns = 0;
  };

  absl::Status doubt(Transaction transaction);
  void require_open();
  void check_share(const Insert& insert);
  void tell(const Transaction& transaction);

  World* const world_;
  Oracle* const oracle_;
  Database* const database_;
  const uint64_t session_cost_max_;
  bool open_ = false;
  std::map<SessionId, Committed> unlisted_;  // by this recorder
};

}  // namespace gatetape::sim
