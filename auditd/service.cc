#include "auditd/service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "auditd/frame_stream.h"
#include "auditd/query/search.h"
#include "auditd/query/session_name.h"
#include "auditd/receipts.h"
#include "auditd/verify/evidence_reader.h"
#include "auditd/verify/verifier.h"
#include "auditd/verify/verify_all.h"
#include "base/db/migrate.h"
#include "base/os/daemon.h"
#include "base/os/grpc_values.h"
#include "base/os/unix_listener.h"

namespace gatetape::auditd {
namespace {

namespace v1 = audit::v1;

// A page of sessions. The connection is given back between two pages, so a page bounds how long one
// call keeps it.
constexpr uint32_t kSessionsAtOnce = 500;
// A detail holds at most this many events and this many bytes of them; further ones are cut off and
// the answer says so. It is one message of gRPC, which a client accepts up to 64 MiB of.
constexpr int kDetailEventsMax = 20'000;
constexpr size_t kDetailBytesMax = 16 << 20;
// The arguments of a call are recorded up to this many bytes, so that no question fills the record.
constexpr size_t kArgumentBytesMax = 4096;
// A follower of a live session looks for new frames five times per second, and asks every fifth
// second whether the session still is live.
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

// add_event adds one event. It returns false when no more fit.
bool add_event(const EventRow& row, size_t* bytes, v1::SessionDetail* response) {
  *bytes += row.fields.size() + row.name.size();
  const auto fields = fields_from_json(row.fields);
  const bool is_full = response->events_size() == kDetailEventsMax || *bytes > kDetailBytesMax;
  // An event that somebody altered is left out; the verdict tells of it.
  if (is_full || !fields.ok()) response->set_events_cut(true);
  if (!is_full && fields.ok()) *response->add_events() = to_message(row, *fields);
  return !is_full;
}

// add_events adds the session's events, up to a size that one message can carry.
absl::Status add_events(Db& db, const SessionId& session, v1::SessionDetail* response) {
  size_t bytes = 0;
  const absl::Status status = for_each_event(db, session, [&](const EventRow& row) {
    return add_event(row, &bytes, response) ? absl::OkStatus() : absl::OutOfRangeError("full");
  });
  return absl::IsOutOfRange(status) ? absl::OkStatus() : status;
}

absl::Status add_short_ids(Db& db, std::vector<v1::Session>* sessions) {
  std::vector<SessionId> ids;
  for (const v1::Session& session : *sessions) {
    const auto id = SessionId::from_bytes(session.session_id());
    if (!id.ok()) return id.status();
    ids.push_back(*id);
  }
  const auto names = short_names(db, ids);
  if (!names.ok()) return names.status();
  for (size_t i = 0; i < names->size(); i++) (*sessions)[i].set_short_id((*names)[i]);
  return absl::OkStatus();
}

absl::Status client_gone() { return absl::CancelledError("the client is gone"); }

}  // namespace

Service::Service(Parts parts) : parts_(std::move(parts)) {}

absl::StatusOr<Database::Lease> Service::lease(const grpc::ServerContext& context) {
  return parts_.database.lease([&context] { return context.IsCancelled(); });
}

absl::Status Service::record(const grpc::ServerContext& context, const char* method,
                             const google::protobuf::Message& request, const std::string& result,
                             uint64_t count, const std::string& sha256) {
  Event event{{"peer", peer_uid(context)},
              {"method", method},
              {"arguments", request.ShortDebugString().substr(0, kArgumentBytesMax)},
              {"result", result}};
  event.add_number("count", count);
  if (!sha256.empty()) event.add("sha256", sha256);
  const absl::Status status = parts_.log.record(event);
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
                       [&](uint64_t* count) { return list(*context, *request, writer, count); });
}

// The connection is given back before a slow reader is written to, here as in find_hits.
absl::StatusOr<SessionPage> Service::read_page(const grpc::ServerContext& context,
                                               const v1::ListSessionsRequest& request,
                                               const SessionId& before, uint32_t rows) {
  absl::StatusOr<Database::Lease> db = lease(context);
  if (!db.ok()) return db.status();
  absl::StatusOr<SessionPage> page = SessionReader(**db, parts_.clock).page(request, before, rows);
  if (!page.ok() || !request.short_ids()) return page;
  const absl::Status status = add_short_ids(**db, &page->sessions);
  return status.ok() ? page : status;
}

absl::Status Service::list(const grpc::ServerContext& context,
                           const v1::ListSessionsRequest& request,
                           grpc::ServerWriter<v1::Session>* writer, uint64_t* count) {
  const uint64_t limit = request.limit() == 0 ? UINT64_MAX : request.limit();
  SessionId before = newest_possible();
  for (bool more = true; more && *count < limit;) {
    const auto rows = static_cast<uint32_t>(std::min<uint64_t>(limit, kSessionsAtOnce));
    const auto page = read_page(context, request, before, rows);
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
  absl::Status outcome = resolve(*context, resolved.mutable_id());
  if (outcome.ok()) outcome = get(*context, *SessionId::from_text(resolved.id()), response);
  const absl::Status recorded = record(*context, "GetSession", resolved, result_text(outcome),
                                       static_cast<uint64_t>(response->events_size()));
  return to_grpc(outcome.ok() ? recorded : outcome);
}

absl::Status Service::get(const grpc::ServerContext& context, const SessionId& session,
                          v1::SessionDetail* response) {
  absl::StatusOr<Database::Lease> db = lease(context);
  if (!db.ok()) return db.status();
  absl::StatusOr<v1::Session> row = SessionReader(**db, parts_.clock).load(session);
  if (!row.ok()) return row.status();
  *response->mutable_session() = *std::move(row);
  if (absl::Status status = add_events(**db, session, response); !status.ok()) return status;
  absl::StatusOr<v1::Verdict> verdict =
      Verifier(**db, parts_.trusted, parts_.clock, &parts_.log_trust).verify(session);
  if (!verdict.ok()) return verdict.status();
  *response->mutable_verdict() = *std::move(verdict);
  return absl::OkStatus();
}

grpc::Status Service::ReadFrames(grpc::ServerContext* context, const v1::ReadFramesRequest* request,
                                 grpc::ServerWriter<v1::FrameBatch>* writer) {
  v1::ReadFramesRequest resolved = *request;
  const absl::Status found = resolve(*context, resolved.mutable_id());
  return answer_stream(*context, "ReadFrames", resolved, [&](uint64_t* count) {
    return found.ok() ? read(*context, resolved, writer, count) : found;
  });
}

absl::Status Service::read(const grpc::ServerContext& context, const v1::ReadFramesRequest& request,
                           grpc::ServerWriter<v1::FrameBatch>* writer, uint64_t* count) {
  const absl::StatusOr<SessionId> session = SessionId::from_text(request.id());
  if (!session.ok()) return session.status();
  FrameReader reader(*session, request.from_seq());
  FrameSender sender(writer);
  bool last_look = false;
  for (int pauses = 0; !context.IsCancelled();) {
    absl::StatusOr<std::vector<Frame>> frames = read_frames(context, &reader);
    if (!frames.ok()) return frames.status();
    for (Frame& frame : *frames) {
      ++*count;
      if (!sender.add(std::move(frame))) return client_gone();
    }
    if (!frames->empty()) continue;
    if (!sender.flush()) return client_gone();
    if (!request.follow() || reader.ended() || last_look) return absl::OkStatus();
    if (pauses++ % kPausesBetweenStateChecks == 0) {
      const absl::StatusOr<bool> live = is_live(context, *session);
      if (!live.ok()) return live.status();
      last_look = !*live;  // it may have written something since it was read
      if (last_look) continue;
    }
    absl::SleepFor(kFollowPause);
  }
  return client_gone();
}

absl::StatusOr<std::vector<Frame>> Service::read_frames(const grpc::ServerContext& context,
                                                        FrameReader* reader) {
  absl::StatusOr<Database::Lease> db = lease(context);
  if (!db.ok()) return db.status();
  return reader->next(**db);
}

grpc::Status Service::Search(grpc::ServerContext* context, const v1::SearchRequest* request,
                             grpc::ServerWriter<v1::Hit>* writer) {
  return answer_stream(*context, "Search", *request, [&](uint64_t* count) {
    return search_all(*context, *request, writer, count);
  });
}

absl::StatusOr<std::vector<v1::Hit>> Service::find_hits(const grpc::ServerContext& context,
                                                        const v1::SearchRequest& request) {
  absl::StatusOr<Database::Lease> db = lease(context);
  if (!db.ok()) return db.status();
  SessionReader sessions(**db, parts_.clock);
  return search(**db, sessions, request);
}

absl::Status Service::search_all(const grpc::ServerContext& context,
                                 const v1::SearchRequest& request,
                                 grpc::ServerWriter<v1::Hit>* writer, uint64_t* count) {
  const auto hits = find_hits(context, request);
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
  const absl::Status found = all ? absl::OkStatus() : resolve(*context, resolved.mutable_id());
  return answer_stream(*context, "Verify", resolved, [&](uint64_t* count) {
    if (!found.ok()) return found;
    return all ? verify_all(*context, resolved, writer, count)
               : verify_one(*context, resolved.id(), writer, count);
  });
}

absl::Status Service::verify_one(const grpc::ServerContext& context, const std::string& id,
                                 grpc::ServerWriter<v1::Verdict>* writer, uint64_t* count) {
  const absl::StatusOr<SessionId> session = SessionId::from_text(id);
  if (!session.ok()) return session.status();
  absl::StatusOr<v1::Verdict> verdict;
  {
    absl::StatusOr<Database::Lease> db = lease(context);
    if (!db.ok()) return db.status();
    verdict = Verifier(**db, parts_.trusted, parts_.clock, &parts_.log_trust).verify(*session);
  }
  if (!verdict.ok()) return verdict.status();
  ++*count;
  return writer->Write(*verdict) ? absl::OkStatus() : client_gone();
}

absl::Status Service::verify_all(const grpc::ServerContext& context,
                                 const v1::VerifyRequest& request,
                                 grpc::ServerWriter<v1::Verdict>* writer, uint64_t* count) {
  VerifyRange range;
  range.since_ns = request.since_unix_ns();
  if (!request.after().empty()) {
    const auto after = SessionId::from_bytes(request.after());
    if (!after.ok()) return after.status();
    range.after = *after;
  }
  VerifyAll all({.trusted = parts_.trusted,
                 .log = parts_.log_trust,
                 .clock = parts_.clock,
                 .lease = [&] { return lease(context); }},
                range);
  return all.run([&](const v1::Verdict& verdict) {
    if (context.IsCancelled() || !writer->Write(verdict)) return client_gone();
    ++*count;
    return absl::OkStatus();
  });
}

grpc::Status Service::GetReceipt(grpc::ServerContext* context, const v1::GetReceiptRequest* request,
                                 v1::GetReceiptResponse* response) {
  v1::GetReceiptRequest resolved = *request;
  const absl::Status found = resolve(*context, resolved.mutable_id());
  const auto receipt =
      found.ok() ? make_receipt(*context, resolved.id()) : absl::StatusOr<std::string>(found);
  if (receipt.ok()) response->set_receipt(*receipt);
  const absl::Status recorded =
      record(*context, "GetReceipt", resolved, result_text(receipt.status()), receipt.ok() ? 1 : 0);
  return to_grpc(receipt.ok() ? recorded : receipt.status());
}

absl::StatusOr<std::string> Service::make_receipt(const grpc::ServerContext& context,
                                                  const std::string& id) {
  const absl::StatusOr<SessionId> session = SessionId::from_text(id);
  if (!session.ok()) return session.status();
  ReceiptMaker maker({.lease = [&] { return lease(context); },
                      .is_unwanted = [&] { return context.IsCancelled(); },
                      .trusted = parts_.trusted,
                      .log = &parts_.log_trust,
                      .clock = parts_.clock,
                      .issuer = parts_.issuer});
  const absl::StatusOr<Receipt> receipt = maker.make(*session);
  if (!receipt.ok()) return receipt.status();
  return receipt->to_text();
}

absl::Status Service::resolve(const grpc::ServerContext& context, std::string* id) {
  absl::StatusOr<Database::Lease> db = lease(context);
  if (!db.ok()) return db.status();
  const absl::StatusOr<SessionId> session = resolve_session(**db, *id);
  if (session.ok()) *id = session->to_text();
  return session.status();
}

absl::StatusOr<bool> Service::is_live(const grpc::ServerContext& context,
                                      const SessionId& session) {
  absl::StatusOr<Database::Lease> db = lease(context);
  if (!db.ok()) return db.status();
  const auto row = SessionReader(**db, parts_.clock).load(session);
  if (!row.ok()) return row.status();
  return row->state() == "live";
}

grpc::Status Service::Health(grpc::ServerContext* context, const v1::HealthRequest*,
                             v1::HealthResponse* response) {
  response->set_version(version());
  response->set_recorder(parts_.recorder_health());
  absl::StatusOr<Database::Lease> db = lease(*context);
  *response->mutable_log() = log_health(db.ok() ? &**db : nullptr);
  if (!db.ok()) {
    response->set_database(std::string(db.status().message()));
    return grpc::Status::OK;
  }
  const absl::StatusOr<uint32_t> migration = newest_migration(**db);
  response->set_database(migration.ok() ? "ok" : std::string(migration.status().message()));
  if (migration.ok()) response->set_migration(*migration);
  v1::ListSessionsRequest live;
  live.set_live(true);
  const auto page =
      SessionReader(**db, parts_.clock).page(live, newest_possible(), kSessionsAtOnce);
  if (page.ok()) response->set_live_sessions(page->sessions.size());
  return grpc::Status::OK;
}

}  // namespace gatetape::auditd
