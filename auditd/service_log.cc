#include <algorithm>

#include "absl/strings/str_cat.h"
#include "auditd/seal/pg_seal_store.h"
#include "auditd/service.h"
#include "base/os/grpc_values.h"
#include "log/checkpoint.h"

namespace gatetape::auditd {
namespace {

namespace v1 = audit::v1;

constexpr uint32_t kCheckpointsDefault = 100;
constexpr uint32_t kCheckpointsMax = 100'000;  // 30 MB; a longer history is in publish_dir
constexpr double kNsPerS = 1e9;

std::string result_of(const absl::Status& status) {
  return status.ok() ? "ok" : absl::StatusCodeToString(status.code());
}

const char* name_of(SequencerCore::State state) {
  switch (state) {
    case SequencerCore::State::kClosed:
      return "closed";
    case SequencerCore::State::kWaiting:
      return "waiting";
    case SequencerCore::State::kRefusing:
      return "refusing";
    case SequencerCore::State::kSealing:
      return "sequencing";
  }
  return "";
}

v1::LogHealth health_of(const SealState& state) {
  v1::LogHealth health;
  health.set_sequencer(name_of(state.state));
  health.set_reason(state.reason);
  health.set_rolled_back(state.is_rolled_back);
  health.set_lag_s(state.lag_s);
  health.set_size(state.size);
  health.set_epoch(state.epoch);
  health.set_refused_entries(state.refused_entries);
  health.set_publishing(state.publishing);
  for (const WitnessState& witness : state.witnesses) {
    v1::WitnessHealth* out = health.add_witnesses();
    out->set_name(witness.name);
    out->set_url(witness.url);
    out->set_ok(witness.is_ok);
    out->set_refuses(witness.refuses);
    out->set_detail(witness.detail);
    out->set_cosigned_size(witness.cosigned_size);
  }
  return health;
}

// waiting_s returns the age of the oldest good entry without a place, in seconds; 0 when there is
// none.
absl::StatusOr<double> waiting_s(Db& db, const EntryJudge& judge) {
  const auto newest = newest_checkpoint(db);
  if (!newest.ok()) return newest.status();
  const auto rows = waiting_entries(db, {.from_ns = *newest ? (*newest)->at_ns : 0});
  if (!rows.ok()) return rows.status();
  for (const WaitingEntry& row : *rows)
    if (judge.judge(row).ok()) return static_cast<double>(row.age_ns) / kNsPerS;
  return 0.0;
}

}  // namespace

v1::LogHealth Service::log_health(Db* db) const {
  const std::optional<SealState> state = parts_.seal_state ? parts_.seal_state() : std::nullopt;
  v1::LogHealth health = state ? health_of(*state) : v1::LogHealth();
  if (!state) {
    health.set_sequencer("off");
    health.set_reason("auditd.log_database names no database");
  }
  if (db == nullptr || (state && state->state == SequencerCore::State::kSealing)) return health;
  const auto lag_s = waiting_s(*db, EntryJudge(parts_.trusted.recorders));
  if (lag_s.ok()) health.set_lag_s(*lag_s);
  return health;
}

v1::LogCheckpoint Service::to_message(const StoredCheckpoint& stored) const {
  v1::LogCheckpoint out;
  out.set_n(stored.n);
  out.set_size(stored.size);
  out.set_at_unix_ns(stored.at_ns);
  out.set_epoch(stored.epoch);
  out.set_note(stored.note);
  std::vector<VerifierKey> trusted = parts_.log_trust.keys;
  trusted.insert(trusted.end(), parts_.witnesses.begin(), parts_.witnesses.end());
  const auto opened = open_checkpoint(stored.note, parts_.log_trust.origin, trusted);
  if (!opened.ok()) {
    out.set_fault(std::string(opened.status().message()));
    return out;
  }
  out.set_root(std::string(view(opened->checkpoint.tree.root)));
  for (const GoodSignature& signature : opened->cosignatures) {
    v1::Cosignature* cosignature = out.add_cosignatures();
    cosignature->set_name(signature.key.name);
    cosignature->set_time_unix_s(static_cast<int64_t>(signature.time_s));
  }
  return out;
}

absl::StatusOr<std::vector<v1::LogCheckpoint>> Service::read_checkpoints(
    const grpc::ServerContext& context, uint32_t limit) {
  absl::StatusOr<Database::Lease> db = lease(context);
  if (!db.ok()) return db.status();
  const auto stored = newest_checkpoints(**db, limit);
  if (!stored.ok()) return stored.status();
  std::vector<v1::LogCheckpoint> checkpoints;
  for (const StoredCheckpoint& one : *stored) checkpoints.push_back(to_message(one));
  return checkpoints;
}

absl::Status Service::get_log(const grpc::ServerContext& context, v1::LogStatus* response) {
  response->set_origin(parts_.log_trust.origin);
  if (!parts_.log_trust.keys.empty()) response->set_vkey(parts_.log_trust.keys.front().to_text());
  const auto newest = read_checkpoints(context, 1);
  if (!newest.ok()) return newest.status();
  if (!newest->empty()) *response->mutable_newest() = newest->front();
  absl::StatusOr<Database::Lease> db = lease(context);
  if (!db.ok()) return db.status();
  *response->mutable_health() = log_health(&**db);
  return absl::OkStatus();
}

grpc::Status Service::GetLog(grpc::ServerContext* context, const v1::GetLogRequest* request,
                             v1::LogStatus* response) {
  const absl::Status outcome = get_log(*context, response);
  const absl::Status recorded = record(*context, "GetLog", *request, result_of(outcome), 1);
  return to_grpc(outcome.ok() ? recorded : outcome);
}

grpc::Status Service::ListCheckpoints(grpc::ServerContext* context,
                                      const v1::ListCheckpointsRequest* request,
                                      grpc::ServerWriter<v1::LogCheckpoint>* writer) {
  return answer_stream(*context, "ListCheckpoints", *request, [&](uint64_t* count) {
    const uint32_t limit = request->limit() == 0 ? kCheckpointsDefault : request->limit();
    const auto checkpoints = read_checkpoints(*context, std::min(limit, kCheckpointsMax));
    if (!checkpoints.ok()) return checkpoints.status();
    for (const v1::LogCheckpoint& checkpoint : *checkpoints) {
      if (!writer->Write(checkpoint)) return absl::CancelledError("the client is gone");
      ++*count;
    }
    return absl::OkStatus();
  });
}

}  // namespace gatetape::auditd
