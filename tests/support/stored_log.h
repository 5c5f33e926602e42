// StoredLog: a log that a test invents. Its rows are written directly into PostgreSQL, as a
// recorder and a sequencer write them. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/db/pg.h"
#include "log/checkpoint.h"
#include "log/entry.h"
#include "log/heads_list.h"
#include "tests/support/memory_tree.h"
#include "tests/support/stored_session.h"

namespace gatetape {

struct StoredLog {
  static constexpr char kOrigin[] = "gw.gatetape/log";

  StoredLog(PgConnection& owner, SigningKey recorder_key)
      : connection(owner), recorder(std::move(recorder_key)) {}

  // begin seals the entries of a fresh log: the start of an epoch, and the key of the recorder.
  void begin(int64_t now_ns) {
    add_leaf(LogEntry::signed_by(log_key, StartEntry{++epoch, time_of(now_ns)}).to_text());
    if (epoch == 1) register_key(recorder, now_ns);
    seal();
  }
  void register_key(const SigningKey& key, int64_t now_ns) {
    add_leaf(LogEntry::signed_by(
                 log_key,
                 KeyEntry{.role = "recorder", .key = key.public_key(), .time_ns = time_of(now_ns)})
                 .to_text());
  }
  // store_list stores a heads list with its entry, which waits for seal().
  std::string store_list(std::vector<HeadsLine> lines, int64_t at_ns) {
    return store_list(std::move(lines), at_ns, recorder);
  }
  std::string store_list(std::vector<HeadsLine> lines, int64_t at_ns, const SigningKey& signer) {
    const HeadsList list = HeadsList::from_lines(std::move(lines));
    const HeadsEntry heads{run, ++n, time_of(at_ns), list.lines().size(), list.root()};
    const std::string entry = LogEntry::signed_by(signer, heads).to_text();
    const Hash leaf = merkle_leaf(entry);
    store_entry(entry, at_ns);
    stored_session::run(
        connection, "insert into gatetape.heads values ($1::timestamptz, $2::bytea, $3::bytea)",
        {PgParam::timestamptz(at_ns), PgParam::bytea(view(leaf)), PgParam::bytea(list.to_text())});
    for (const HeadsLine& line : list.lines()) store_session_heads(line, at_ns, leaf);
    unsealed.push_back(entry);
    return entry;
  }
  void store_entry(const std::string& entry, int64_t at_ns) {
    stored_session::run(
        connection, "insert into gatetape.log_entry values ($1::bytea, $2::bytea, $3::timestamptz)",
        {PgParam::bytea(view(merkle_leaf(entry))), PgParam::bytea(entry),
         PgParam::timestamptz(at_ns)});
  }
  // seal gives each entry that waits its place, and signs a checkpoint.
  void seal() {
    for (const std::string& entry : unsealed) add_leaf(entry);
    unsealed.clear();
    store_checkpoint(log_key, tree.head());
  }
  void add_leaf(const std::string& entry) {
    const uint64_t index = tree.size();
    tree.append(entry);
    entries.push_back(entry);
    stored_session::run(
        connection,
        "insert into gatetape.log_leaf values ($1::bigint, $2::bytea, $3::bytea, $4::bigint)",
        {stored_session::int8(index), PgParam::bytea(view(merkle_leaf(entry))),
         PgParam::bytea(entry), stored_session::int8(epoch)});
    for (int level = 1; tree.size() % (uint64_t{1} << (8 * level)) == 0; level++)
      store_node(level, (tree.size() >> (8 * level)) - 1);
  }
  void store_node(int level, uint64_t index) {
    const auto hash = tree.node(static_cast<uint32_t>(8 * level), index);
    stored_session::run(
        connection, "insert into gatetape.log_node values ($1::smallint, $2::bigint, $3::bytea)",
        {PgParam::int2(static_cast<int16_t>(level)), stored_session::int8(index),
         PgParam::bytea(view(*hash))});
  }
  void store_checkpoint(const SigningKey& key, const TreeHead& head) {
    stored_session::run(connection,
                        "insert into gatetape.checkpoint (n, size, epoch, note) values "
                        "($1::bigint, $2::bigint, $3::bigint, $4::bytea)",
                        {stored_session::int8(++checkpoints), stored_session::int8(head.size),
                         stored_session::int8(epoch), PgParam::bytea(note_of(key, head))});
  }
  static std::string note_of(const SigningKey& key, const TreeHead& head) {
    return sign_checkpoint({.origin = kOrigin, .tree = head, .extensions = ""},
                           NoteSigner{.name = kOrigin, .key = key})
        .to_text();
  }
  void store_session_heads(const HeadsLine& line, int64_t at_ns, const Hash& leaf) {
    const bool is_close = line.state == HeadsLine::State::kClose;
    if (line.state == HeadsLine::State::kLive) return;
    if (!is_close || line.head.size == 1) store_session_heads(line, "open", at_ns, leaf);
    if (is_close) store_session_heads(line, "close", at_ns, leaf);
  }
  void store_session_heads(const HeadsLine& line, const std::string& state, int64_t at_ns,
                           const Hash& leaf) {
    stored_session::run(connection,
                        "insert into gatetape.session_heads values ($1::uuid, $2::text, "
                        "$3::timestamptz, $4::bytea)",
                        {PgParam::uuid(line.session.bytes()), PgParam::text(state),
                         PgParam::timestamptz(at_ns), PgParam::bytea(view(leaf))});
  }
  VerifierKey vkey() const { return NoteSigner{.name = kOrigin, .key = log_key}.verifier_key(); }
  static uint64_t time_of(int64_t ns) { return static_cast<uint64_t>(ns); }

  PgConnection& connection;  // of the owner of the tables
  SigningKey log_key = SigningKey::generate();
  SigningKey recorder;
  std::string run = random_bytes(kRunBytes);
  uint64_t n = 0;      // of the run
  uint64_t epoch = 0;  // of the sequencer
  uint64_t checkpoints = 0;
  MemoryTree tree;
  std::vector<std::string> entries;   // of all leaves
  std::vector<std::string> unsealed;  // entries that wait for their place
};

// line_of returns the line of what is stored of a session.
inline HeadsLine line_of(const StoredSession& session, HeadsLine::State state) {
  return {session.id, {session.tree.size(), session.tree.root()}, state};
}

}  // namespace gatetape
