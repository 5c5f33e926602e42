// PgStore: the Store in PostgreSQL (migrations/0001_evidence.sql, 0005_log.sql). The committer
// thread alone calls it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/db/db.h"
#include "recorder/store.h"

namespace gatetape::recorder {

struct PgStoreOptions {
  std::string conninfo;                   // connects as the role gatetape_recorder
  uint32_t timeout_s;                     // no transaction takes longer
  std::string synchronous_commit = "on";  // of [recorder] in gatetape.toml
};

class PgStore : public Store {
 public:
  explicit PgStore(PgStoreOptions options) : options_(std::move(options)) {}

  // open also fails, with FAILED_PRECONDITION, when a commit of this PostgreSQL may be lost
  // (check_durable).
  absl::Status open() override;
  // Two round trips and one flush of the write-ahead log for any number of sessions: COMMIT is sent
  // when each INSERT has reported that it stored its rows.
  absl::Status commit(const Commit& commit) override;
  absl::StatusOr<std::vector<Tail>> read_tails(absl::Span<const SessionId> sessions) override;
  absl::Status keep_up() override;

 private:
  // kClosed --open succeeds--> kOpen --a transaction fails--> kClosed. Rows of another writer and
  // data that PostgreSQL refuses leave the store open.
  enum class State { kClosed, kOpen };

  // transact runs one transaction of an open store. It fails with FAILED_PRECONDITION, and stores
  // nothing, when its commit could be lost.
  absl::StatusOr<std::vector<PgResult>> transact(std::vector<PgStatement> statements);

  const PgStoreOptions options_;
  std::unique_ptr<Db> db_;  // kept when closed, never used then
  State state_ = State::kClosed;
};

}  // namespace gatetape::recorder
