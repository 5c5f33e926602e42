// PgStore: the Store in PostgreSQL (migrations/0001_evidence.sql). One thread, the committer's.
#pragma once

#include <memory>
#include <string>

#include "base/db/pg.h"
#include "recorder/store.h"

namespace gatetape::recorder {

class PgStore : public Store {
 public:
  // `conninfo` is of the role gatetape_recorder; no commit waits longer than `timeout_s`.
  PgStore(std::string conninfo, uint32_t timeout_s);

  absl::Status open() override;
  // One round trip and one flush of the log, however many sessions.
  absl::Status commit(absl::Span<const SessionWrite> writes) override;
  absl::StatusOr<std::vector<Tail>> read_tails(absl::Span<const SessionId> sessions) override;
  absl::Status keep_up() override;

 private:
  std::string conninfo_;
  uint32_t timeout_s_;
  std::unique_ptr<PgConnection> connection_;
};

}  // namespace gatetape::recorder
