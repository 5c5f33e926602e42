// StoredSession: a session that a test invents. Its rows are written directly into PostgreSQL with
// the functions that the recorder uses too.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/db/pg.h"
#include "record/batch.h"
#include "record/commit_keys.h"
#include "record/derived.h"
#include "record/head.h"
#include "record/merkle.h"

namespace gatetape {

struct StoredSession {
  SessionId id;
  CommitKeys keys{std::string(kCommitKeyBytes, 'k')};
  std::vector<Frame> frames;
  int64_t started_at_ns = 0;
  CompactRange tree;         // over the stored frames
  size_t stored_frames = 0;  // the number of `frames` that are stored

  // add appends a frame one millisecond after the frame before it.
  StoredSession& add(FrameKind kind, uint32_t channel, std::string payload) {
    frames.push_back(
        {frames.size() + 1, channel, kind, frames.size() * 1'000'000, std::move(payload)});
    return *this;
  }
  StoredSession& add(FrameKind kind, uint32_t channel, const Event& event) {
    return add(kind, channel, event.encode());
  }
  StoredSession& request(const std::string& name, const std::string& data) {
    return add(FrameKind::kRequestIn, 1,
               Event{{"request", name}, {"want_reply", "1"}, {"data", data}});
  }
  StoredSession& end(const std::string& reason) {
    Event event{{"reason", reason}, {"bytes_in", "0"}, {"bytes_out", "0"}};
    event.add_number("frames", frames.size() + 1);
    event.add("ended_at", std::to_string(started_at_ns + 5'000'000'000));
    return add(FrameKind::kSessionEnd, 0, event);
  }
  SessionHead head() const { return {id, tree.size(), tree.root()}; }
};

// make_system_session returns the system session of a daemon. make_session returns the session of a
// user at that daemon.
inline StoredSession make_system_session(const std::string& gateway, int64_t started_at_ns) {
  StoredSession session;
  session.id = SessionId::mint(started_at_ns);
  session.started_at_ns = started_at_ns;
  return session.add(
      FrameKind::kStart, 0,
      Event{
          {"kind", "system"}, {"gateway", gateway}, {"started_at", std::to_string(started_at_ns)}});
}
inline StoredSession make_session(const SessionId& run, const std::string& user,
                                  const std::string& target, const std::string& source,
                                  int64_t started_at_ns) {
  StoredSession session;
  session.id = SessionId::mint(started_at_ns);
  session.started_at_ns = started_at_ns;
  return session.add(FrameKind::kSessionOpen, 0,
                     Event{{"kind", "session"},
                           {"user", user},
                           {"login", "root"},
                           {"target", target},
                           {"target_address", "10.2.2.7:22"},
                           {"source", source},
                           {"rule", "sre"},
                           {"key_fingerprint", "SHA256:abc"},
                           {"gateway", "gw1"},
                           {"gateway_run", run.to_text()},
                           {"started_at", std::to_string(started_at_ns)}});
}

namespace stored_session {

inline void run(PgConnection& connection, const std::string& sql,
                const std::vector<PgParam>& params) {
  const auto result = connection.execute(sql, params);
  CHECK(result.ok(), result.status());
}

inline PgParam int8(uint64_t value) { return PgParam::int8(static_cast<int64_t>(value)); }

inline void store_event(PgConnection& connection, StoredSession& session, const Frame& frame) {
  const PgParam id = PgParam::uuid(session.id.bytes());
  const Event event = *Event::decode(frame.payload);
  const FormatVersion version = session.keys.version();
  const EventRow row = derive_event(frame, event, version);
  run(connection,
      "insert into gatetape.event values ($1::uuid, $2::bigint, $3::int, $4::smallint, "
      "$5::bigint, $6::text, $7::text, ($8::text)::jsonb)",
      {id, int8(row.seq), PgParam::int4(static_cast<int32_t>(row.channel)),
       PgParam::int2(static_cast<int16_t>(row.kind)), int8(row.offset_ns), PgParam::text(row.name),
       PgParam::text(row.text), PgParam::text(row.fields)});
  if (const auto channel = derive_channel(frame, event, version))
    run(connection, "insert into gatetape.channel values ($1::uuid, $2::int, $3::bigint, $4::text)",
        {id, PgParam::int4(static_cast<int32_t>(channel->channel)), int8(channel->opened_seq),
         PgParam::text(channel->type)});
  if (frame.seq == 1) {
    const SessionRow s = derive_session(frame, event, version);
    run(connection,
        "insert into gatetape.session values ($1::uuid, $2::text, $3::text, $4::text, $5::text, "
        "$6::text, ($7::text)::inet, $8::int, $9::text, $10::text, $11::text, $12::uuid, "
        "$13::timestamptz)",
        {id, PgParam::text(s.kind), PgParam::text(s.user), PgParam::text(s.login),
         PgParam::text(s.target), PgParam::text(s.target_address),
         s.source_ip.empty() ? PgParam::null() : PgParam::text(s.source_ip),
         s.source_ip.empty() ? PgParam::null() : PgParam::int4(s.source_port),
         PgParam::text(s.rule), PgParam::text(s.key_fingerprint), PgParam::text(s.gateway),
         s.gateway_run.empty() ? PgParam::null() : PgParam::uuid(s.gateway_run),
         PgParam::timestamptz(s.started_at_ns)});
  }
  if (frame.kind == FrameKind::kSessionEnd || frame.kind == FrameKind::kStop) {
    const SessionEndRow e = derive_session_end(frame, event, session.started_at_ns, version);
    run(connection,
        "insert into gatetape.session_end values ($1::uuid, $2::timestamptz, $3::text, $4::text, "
        "$5::bigint, $6::bigint, $7::bigint)",
        {id, PgParam::timestamptz(e.ended_at_ns), PgParam::text(e.reason), PgParam::text(e.detail),
         int8(e.bytes_in), int8(e.bytes_out), int8(e.frames)});
  }
}

}  // namespace stored_session

// store writes the frames that are not stored yet as one batch, with all rows that are derived from
// them.
inline void store(PgConnection& connection, StoredSession& session) {
  using stored_session::int8;
  const PgParam id = PgParam::uuid(session.id.bytes());
  const std::vector<Frame> part(session.frames.begin() + static_cast<long>(session.stored_frames),
                                session.frames.end());
  if (session.stored_frames == 0)
    stored_session::run(
        connection,
        "insert into gatetape.session_key (session_id, commit_key, format_version, key_check) "
        "values ($1::uuid, $2::bytea, $3::smallint, $4::bytea)",
        {id, PgParam::bytea(session.keys.commit_key()),
         PgParam::int2(static_cast<int16_t>(session.keys.version())),
         PgParam::bytea(session.keys.check())});
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  for (const Frame& frame : part) {
    session.tree.append(leaf_hash(session.id, session.keys, frame));
    if (frame.kind == FrameKind::kIn) bytes_in += frame.payload.size();
    if (frame.kind == FrameKind::kOut || frame.kind == FrameKind::kErr)
      bytes_out += frame.payload.size();
    if (!is_bytes(frame.kind)) stored_session::store_event(connection, session, frame);
  }
  const EncodedBatch batch = encode_batch(part);
  const Hash root = session.tree.root();
  stored_session::run(
      connection,
      "insert into gatetape.frames values ($1::uuid, $2::bigint, $3::bigint, $4::bytea, "
      "$5::bigint, $6::bigint, $7::smallint, $8::int, $9::bytea, $10::bigint, $11::smallint)",
      {id, int8(part.front().seq), int8(part.back().seq), PgParam::bytea(view(root)),
       int8(bytes_in), int8(bytes_out), PgParam::int2(batch.codec),
       PgParam::int4(static_cast<int32_t>(batch.raw_bytes)), PgParam::bytea(batch.data),
       int8(part.back().offset_ns), PgParam::int2(static_cast<int16_t>(part.back().kind))});
  session.stored_frames = session.frames.size();
}

// store_head signs what is stored and writes the row of the head.
inline void store_head(PgConnection& connection, const StoredSession& session,
                       const SigningKey& writer, const SigningKey& recorder) {
  const SessionHead head = session.head();
  const std::string text = head.signed_text();
  stored_session::run(connection,
                      "insert into gatetape.head values ($1::uuid, $2::bigint, $3::bytea, "
                      "$4::bytea, $5::bytea, $6::bytea, $7::bytea)",
                      {PgParam::uuid(session.id.bytes()), stored_session::int8(head.size),
                       PgParam::bytea(view(head.root)), PgParam::bytea(writer.public_key().raw),
                       PgParam::bytea(writer.sign(text)), PgParam::bytea(recorder.public_key().raw),
                       PgParam::bytea(recorder.sign(text))});
}

}  // namespace gatetape
