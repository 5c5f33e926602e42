#include "auditd/service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "auditd/frame_stream.h"
#include "auditd/query/search.h"
#include "auditd/query/session_name.h"
#include "auditd/verify/evidence_reader.h"
#include "auditd/verify/verifier.h"
#include "base/db/migrate.h"
#include "base/os/daemon.h"
#include "base/os/grpc_values.h"
#include "base/os/unix_listener.h"

namespace gatetape::auditd {
namespace {

namespace v1 = audit::v1;

constexpr uint32_t kSessionsAtOnce = 500;
constexpr size_t kEventsAtOnce = 1000;
constexpr int kDetailEventsMax = 20'000;
constexpr size_t kDetailBytesMax = 16 << 20;
constexpr size_t kArgumentBytesMax = 4096;
constexpr absl::Duration kFollowPause = absl::Milliseconds(200);
constexpr int kPausesBetweenStateChecks = 25;

std::string result_text(const absl::Status& status) {
  return status.ok() ? "ok" : absl::StatusCodeToString(status.code());
}

v1::Event to_message(const EventRow& row, const Event& fields) {
  v1::Event event;
  event.set_seq(row.seq);
  event.set_channel(row.channel);
  event.set_kind(row.kind);
  event.set_offset_ns(row.offset_ns);
  for (const auto& [key, value] : fields.fields()) {
    v1::Field* field = event.add_fields();
    field->set_key(key);
    field->set_value(value);
  }
  return event;
}

// add_events fills in the session's events, up to a size that one message can carry.
absl::Status add_events(PgConnection& connection, const SessionId& session,
                        v1::SessionDetail* response) {
  uint64_t after_seq = 0;
  size_t bytes = 0;
  while (true) {
    const auto rows = read_events(connection, session, after_seq, UINT64_MAX, kEventsAtOnce);
    if (!rows.ok()) return rows.status();
    for (const EventRow& row : *rows) {
      bytes += row.fields.size() + row.name.size();
      const auto fields = fields_from_json(row.fields);
      const bool is_full = response->events_size() == kDetailEventsMax || bytes > kDetailBytesMax;
      // What somebody altered is left out; the verdict tells of it.
      if (is_full || !fields.ok()) response->set_events_cut(true);
      if (is_full) return absl::OkStatus();
      if (fields.ok()) *response->add_events() = to_message(row, *fields);
      after_seq = row.seq;
    }
    if (rows->size() < kEventsAtOnce) return absl::OkStatus();
  }
}

absl::Status add_short_ids(PgConnection& connection, std::vector<v1::Session>* sessions) {
  std::vector<SessionId> ids;
  for (const v1::Session& session : *sessions)
    ids.push_back(*SessionId::from_bytes(session.session_id()));
  const auto names = short_names(connection, ids);
  if (!names.ok()) return names.status();
  for (size_t i = 0; i < names->size(); i++) (*sessions)[i].set_short_id((*names)[i]);
  return absl::OkStatus();
}

absl::Status client_gone() { return absl::CancelledError("the client is gone"); }

}  // namespace

Service::Service(Database& database, QueryLog& log, const TrustedKeys& trusted, const Clock& clock,
                 std::function<std::string()> recorder_health)
    : database_(database),
      log_(log),
      trusted_(trusted),
      clock_(clock),
      recorder_health_(std::move(recorder_health)) {}

absl::Status Service::record(const grpc::ServerContext& context, const char* method,
                             const google::protobuf::Message& request, const std::string& result,
                             uint64_t count) {
  Event event{{"peer", peer_uid(context)},
              {"method", method},
              {"arguments", request.ShortDebugString().substr(0, kArgumentBytesMax)},
              {"result", result}};
  event.add_number("count", count);
  const absl::Status status = log_.record(event);
  if (status.ok()) return status;
  log_error("query_not_recorded", {{"method", method}, {"reason", std::string(status.message())}});
  return absl::UnavailableError(absl::StrCat("not recorded, so not answered: ", status.message()));
}

grpc::Status Service::answer_stream(const grpc::ServerContext& context, const char* method,
                                    const google::protobuf::Message& request,
                                    const std::function<absl::Status(uint64_t* count)>& work) {
  if (absl::Status status = record(context, method, request, "started", 0); !status.ok())
    return to_grpc(status);
  uint64_t count = 0;
  const absl::Status outcome = work(&count);
  const absl::Status recorded = record(context, method, request, result_text(outcome), count);
  return to_grpc(outcome.ok() ? recorded : outcome);
}

grpc::Status Service::ListSessions(grpc::ServerContext* context,
                                   const v1::ListSessionsRequest* request,
                                   grpc::ServerWriter<v1::Session>* writer) {
  return answer_stream(*context, "ListSessions", *request,
                       [&](uint64_t* count) { return list(*request, writer, count); });
}

// The connection is given back before a slow reader is written to, here as in find_hits.
absl::StatusOr<SessionPage> Service::read_page(const v1::ListSessionsRequest& request,
                                               const SessionId& before, uint32_t rows) {
  absl::StatusOr<Database::Lease> connection = database_.lease();
  if (!connection.ok()) return connection.status();
  absl::StatusOr<SessionPage> page =
      SessionReader(**connection, clock_).page(request, before, rows);
  if (!page.ok() || !request.short_ids()) return page;
  const absl::Status status = add_short_ids(**connection, &page->sessions);
  return status.ok() ? page : status;
}

absl::Status Service::list(const v1::ListSessionsRequest& request,
                           grpc::ServerWriter<v1::Session>* writer, uint64_t* count) {
  const uint64_t limit = request.limit() == 0 ? UINT64_MAX : request.limit();
  SessionId before = newest_possible();
  for (bool more = true; more && *count < limit;) {
    const auto rows = static_cast<uint32_t>(std::min<uint64_t>(limit, kSessionsAtOnce));
    const auto page = read_page(request, before, rows);
    if (!page.ok()) return page.status();
    for (const v1::Session& session : page->sessions) {
      if (*count == limit) break;
      if (!writer->Write(session)) return client_gone();
      ++*count;
    }
    before = page->last;
    more = page->more;
  }
  return absl::OkStatus();
}

grpc::Status Service::GetSession(grpc::ServerContext* context, const v1::GetSessionRequest* request,
                                 v1::SessionDetail* response) {
  v1::GetSessionRequest resolved = *request;
  absl::Status outcome = resolve(resolved.mutable_id());
  if (outcome.ok()) outcome = get(*SessionId::from_text(resolved.id()), response);
  const absl::Status recorded = record(*context, "GetSession", resolved, result_text(outcome),
                                       static_cast<uint64_t>(response->events_size()));
  return to_grpc(outcome.ok() ? recorded : outcome);
}

absl::Status Service::get(const SessionId& session, v1::SessionDetail* response) {
  absl::StatusOr<Database::Lease> connection = database_.lease();
  if (!connection.ok()) return connection.status();
  absl::StatusOr<v1::Session> row = SessionReader(**connection, clock_).load(session);
  if (!row.ok()) return row.status();
  *response->mutable_session() = *std::move(row);
  if (absl::Status status = add_events(**connection, session, response); !status.ok())
    return status;
  absl::StatusOr<v1::Verdict> verdict = Verifier(**connection, trusted_, clock_).verify(session);
  if (!verdict.ok()) return verdict.status();
  *response->mutable_verdict() = *std::move(verdict);
  return absl::OkStatus();
}

grpc::Status Service::ReadFrames(grpc::ServerContext* context, const v1::ReadFramesRequest* request,
                                 grpc::ServerWriter<v1::FrameBatch>* writer) {
  v1::ReadFramesRequest resolved = *request;
  const absl::Status found = resolve(resolved.mutable_id());
  return answer_stream(*context, "ReadFrames", resolved, [&](uint64_t* count) {
    return found.ok() ? read(*context, resolved, writer, count) : found;
  });
}

absl::Status Service::read(const grpc::ServerContext& context, const v1::ReadFramesRequest& request,
                           grpc::ServerWriter<v1::FrameBatch>* writer, uint64_t* count) {
  const absl::StatusOr<SessionId> session = SessionId::from_text(request.id());
  if (!session.ok()) return session.status();
  FrameReader reader(database_, *session, request.from_seq());
  FrameSender sender(writer);
  bool last_look = false;
  for (int pauses = 0; !context.IsCancelled();) {
    absl::StatusOr<std::vector<Frame>> frames = reader.next();
    if (!frames.ok()) return frames.status();
    for (Frame& frame : *frames) {
      ++*count;
      if (!sender.add(std::move(frame))) return client_gone();
    }
    if (!frames->empty()) continue;
    if (!sender.flush()) return client_gone();
    if (!request.follow() || reader.ended() || last_look) return absl::OkStatus();
    if (pauses++ % kPausesBetweenStateChecks == 0) {
      const absl::StatusOr<bool> live = is_live(*session);
      if (!live.ok()) return live.status();
      last_look = !*live;  // it may have said something since it was read
      if (last_look) continue;
    }
    absl::SleepFor(kFollowPause);
  }
  return client_gone();
}

grpc::Status Service::Search(grpc::ServerContext* context, const v1::SearchRequest* request,
                             grpc::ServerWriter<v1::Hit>* writer) {
  return answer_stream(*context, "Search", *request,
                       [&](uint64_t* count) { return search_all(*request, writer, count); });
}

absl::StatusOr<std::vector<v1::Hit>> Service::find_hits(const v1::SearchRequest& request) {
  absl::StatusOr<Database::Lease> connection = database_.lease();
  if (!connection.ok()) return connection.status();
  SessionReader sessions(**connection, clock_);
  return search(**connection, sessions, request);
}

absl::Status Service::search_all(const v1::SearchRequest& request,
                                 grpc::ServerWriter<v1::Hit>* writer, uint64_t* count) {
  const auto hits = find_hits(request);
  if (!hits.ok()) return hits.status();
  for (const v1::Hit& hit : *hits) {
    if (!writer->Write(hit)) return client_gone();
    ++*count;
  }
  return absl::OkStatus();
}

grpc::Status Service::Verify(grpc::ServerContext* context, const v1::VerifyRequest* request,
                             grpc::ServerWriter<v1::Verdict>* writer) {
  const bool all = request->id().empty();
  v1::VerifyRequest resolved = *request;
  const absl::Status found = all ? absl::OkStatus() : resolve(resolved.mutable_id());
  return answer_stream(*context, "Verify", resolved, [&](uint64_t* count) {
    if (!found.ok()) return found;
    return all ? verify_all(*context, writer, count) : verify_one(resolved.id(), writer, count);
  });
}

absl::Status Service::verify_one(const std::string& id, grpc::ServerWriter<v1::Verdict>* writer,
                                 uint64_t* count) {
  const absl::StatusOr<SessionId> session = SessionId::from_text(id);
  if (!session.ok()) return session.status();
  const auto verdicts = verify_stored(*session);
  if (!verdicts.ok()) return verdicts.status();
  ++*count;
  return writer->Write(verdicts->front()) ? absl::OkStatus() : client_gone();
}

absl::Status Service::verify_all(const grpc::ServerContext& context,
                                 grpc::ServerWriter<v1::Verdict>* writer, uint64_t* count) {
  SessionId after;
  while (!context.IsCancelled()) {
    absl::StatusOr<std::vector<SessionId>> sessions;
    {
      absl::StatusOr<Database::Lease> connection = database_.lease();
      if (!connection.ok()) return connection.status();
      sessions = next_sessions(**connection, after, kSessionsAtOnce);
    }
    if (!sessions.ok() || sessions->empty()) return sessions.status();
    for (const SessionId& session : *sessions) {
      const auto verdicts = verify_stored(session);
      if (!verdicts.ok()) return verdicts.status();
      for (const v1::Verdict& verdict : *verdicts) {
        if (!writer->Write(verdict)) return client_gone();
        ++*count;
      }
    }
    after = sessions->back();
  }
  return client_gone();
}

absl::StatusOr<std::vector<v1::Verdict>> Service::verify_stored(const SessionId& session) {
  absl::StatusOr<Database::Lease> connection = database_.lease();
  if (!connection.ok()) return connection.status();
  Verifier verifier(**connection, trusted_, clock_);
  absl::StatusOr<v1::Verdict> verdict = verifier.verify(session);
  if (!verdict.ok()) return verdict.status();
  std::vector<v1::Verdict> verdicts = {*std::move(verdict)};
  for (v1::Verdict& claim : verifier.take_broken_claims()) verdicts.push_back(std::move(claim));
  return verdicts;
}

absl::Status Service::resolve(std::string* id) {
  absl::StatusOr<Database::Lease> connection = database_.lease();
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<SessionId> session = resolve_session(**connection, *id);
  if (session.ok()) *id = session->to_text();
  return session.status();
}

absl::StatusOr<bool> Service::is_live(const SessionId& session) {
  absl::StatusOr<Database::Lease> connection = database_.lease();
  if (!connection.ok()) return connection.status();
  const auto row = SessionReader(**connection, clock_).load(session);
  if (!row.ok()) return row.status();
  return row->state() == "live";
}

grpc::Status Service::Health(grpc::ServerContext*, const v1::HealthRequest*,
                             v1::HealthResponse* response) {
  response->set_version(version());
  response->set_recorder(recorder_health_());
  absl::StatusOr<Database::Lease> connection = database_.lease();
  if (!connection.ok()) {
    response->set_database(std::string(connection.status().message()));
    return grpc::Status::OK;
  }
  const absl::StatusOr<uint32_t> migration = newest_migration(**connection);
  response->set_database(migration.ok() ? "ok" : std::string(migration.status().message()));
  if (migration.ok()) response->set_migration(*migration);
  v1::ListSessionsRequest live;
  live.set_live(true);
  const auto page =
      SessionReader(**connection, clock_).page(live, newest_possible(), kSessionsAtOnce);
  if (page.ok()) response->set_live_sessions(page->sessions.size());
  return grpc::Status::OK;
}

}  // namespace gatetape::auditd
