#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/pg_cluster.h"
#include "tests/unit/recorder/store_fixture.h"

namespace gatetape::recorder {
namespace {

TEST_F(StoreTest, frames_come_back_as_they_were_committed) {
  const std::vector<Frame> frames = {session_.open(), session_.next(FrameKind::kIn, "ls\r"),
                                     session_.next(FrameKind::kOut, std::string(40000, 'x'))};
  const absl::Status stored = commit(write_of(session_, frames));
  ASSERT_TRUE(stored.ok()) << stored;
  const auto row = owner_->execute(
      "select first_seq, last_seq, codec, raw_bytes, data, root from gatetape.frames");
  ASSERT_EQ(row->rows(), 1);
  const auto decoded = decode_batch(1, 3, static_cast<int16_t>(row->int8(0, 2)),
                                    static_cast<uint32_t>(row->int8(0, 3)), row->bytes(0, 4));
  ASSERT_TRUE(decoded.ok());
  for (size_t i = 0; i < frames.size(); i++) EXPECT_EQ((*decoded)[i].payload, frames[i].payload);
  EXPECT_EQ(row->bytes(0, 5), view(session_.root()));
}

TEST_F(StoreTest, derived_rows_are_in_the_same_transaction) {
  std::vector<Frame> frames = {session_.open()};
  frames.push_back(session_.next(FrameKind::kChannelOpen, Event{{"type", "session"}}.encode()));
  frames.push_back(session_.end());
  ASSERT_TRUE(commit(write_of(session_, frames)).ok());
  EXPECT_EQ(number("select count(*) from gatetape.session where user_name = 'alice' and source_ip "
                   "= '192.0.2.7' and source_port = 50000 and gateway_run is null"),
            1);
  EXPECT_EQ(number("select frames from gatetape.session_end where reason = 'exit'"), 3);
  EXPECT_EQ(number("select opened_seq from gatetape.channel where type = 'session'"), 2);
  EXPECT_EQ(number("select count(*) from gatetape.event"), 3);
  EXPECT_EQ(number("select seq from gatetape.event where fields->>'reason' = 'exit'"), 3);
  EXPECT_EQ(number("select count(*) from gatetape.session_key where octet_length(commit_key)=32"),
            1);
}

TEST_F(StoreTest, a_derived_row_may_be_there_already_only_after_another_bind) {
  const std::vector<Frame> frames = {
      session_.open(), session_.next(FrameKind::kChannelOpen, Event{{"type", "session"}}.encode())};
  ASSERT_TRUE(owner_
                  ->execute("insert into gatetape.channel values ($1::uuid, 1, 2, 'session')",
                            {PgParam::uuid(session_.id().bytes())})
                  .ok());
  EXPECT_EQ(commit(write_of(session_, frames)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(number("select count(*) from gatetape.frames"), 0);
  ASSERT_TRUE(store_.open().ok());
  SessionWrite again = write_of(session_, frames);
  again.rebound = true;
  const absl::Status stored = commit(std::move(again));
  EXPECT_TRUE(stored.ok()) << stored;
}

TEST_F(StoreTest, hostile_field_values_are_stored) {
  const std::string all_bytes = [] {
    std::string out;
    for (int c = 0; c < 256; c++) out += static_cast<char>(c);
    return out;
  }();
  std::vector<Frame> frames = {session_.open()};
  frames.push_back(session_.next(
      FrameKind::kRequestIn,
      Event{{"request", "exec"}, {"data", all_bytes}, {"text", "\\u0000\"'"}}.encode()));
  frames.push_back(
      session_.next(FrameKind::kAuthAttempt,
                    Event{{"user", std::string(100'000, '\xff')}, {"source", all_bytes}}.encode()));
  const absl::Status stored = commit(write_of(session_, frames));
  EXPECT_TRUE(stored.ok()) << stored;
}

TEST_F(StoreTest, the_longest_names_that_ingest_accepts_fit_the_indexes) {
  const std::string longest(512, '\xff');
  const std::vector<Frame> frames = {
      session_.next(FrameKind::kSessionOpen,
                    Event{{"kind", "session"}, {"user", longest}, {"target", longest}}.encode()),
      session_.next(FrameKind::kRequestIn, Event{{"request", longest}}.encode())};
  const absl::Status stored = commit(write_of(session_, frames));
  EXPECT_TRUE(stored.ok()) << stored;
}

TEST_F(StoreTest, a_tail_is_what_was_committed_last) {
  EXPECT_EQ(tail_of(session_).last_seq, 0u);
  const Frame open = session_.open();
  ASSERT_TRUE(commit(write_of(session_, {open})).ok());
  Frame in = session_.next(FrameKind::kIn, "x");
  in.offset_ns = 1234;
  ASSERT_TRUE(commit(write_of(session_, {in})).ok());
  const Tail tail = tail_of(session_);
  EXPECT_EQ(tail.last_seq, 2u);
  EXPECT_EQ(tail.root, session_.root());
  EXPECT_EQ(tail.offset_ns, 1234u);
  EXPECT_EQ(tail.kind, FrameKind::kIn);
  EXPECT_EQ(tail.commit_key, session_.keys().commit_key());
  EXPECT_EQ(tail.format_version, 2);
  EXPECT_EQ(tail.started_at_ns, session_.id().unix_ms() * 1'000'000);
  EXPECT_FALSE(tail.has_head);
  EXPECT_TRUE(tail.damage.ok());
}

TEST_F(StoreTest, a_head_is_seen_by_the_next_bind) {
  SessionWrite write = write_of(session_, {session_.open()});
  const SigningKey key = SigningKey::generate();
  write.head = std::make_unique<SignedHead>();
  *write.head = {session_.head(), key.public_key().raw, key.sign("g"), key.public_key().raw,
                 key.sign("r")};
  ASSERT_TRUE(commit(std::move(write)).ok());
  EXPECT_TRUE(tail_of(session_).has_head);
  EXPECT_EQ(number("select size from gatetape.head"), 1);
}

// A row from before the columns last_offset_ns and last_kind existed.
TEST_F(StoreTest, the_tail_of_an_old_row_is_read_from_its_data_and_damage_is_told) {
  SessionWrite write = write_of(session_, {session_.open()});
  const std::string data = write.batch.data;
  ASSERT_TRUE(commit(std::move(write)).ok());
  ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
  ASSERT_TRUE(
      owner_->execute("update gatetape.frames set last_offset_ns = null, last_kind = null").ok());
  EXPECT_EQ(tail_of(session_).kind, FrameKind::kSessionOpen);
  ASSERT_TRUE(
      owner_
          ->execute("update gatetape.frames set data = $1::bytea", {PgParam::bytea(data.substr(1))})
          .ok());
  EXPECT_EQ(tail_of(session_).damage.code(), absl::StatusCode::kDataLoss);
}

TEST_F(StoreTest, two_writers_cannot_both_append) {
  const Frame open = session_.open();
  const SessionWrite first = write_of(session_, {open});
  ASSERT_TRUE(store_.commit({absl::MakeConstSpan(&first, 1), {}}).ok());
  PgStore zombie({PgCluster::shared().conninfo(database_, "gatetape_recorder"), 5});
  ASSERT_TRUE(zombie.open().ok());
  EXPECT_EQ(zombie.commit({absl::MakeConstSpan(&first, 1), {}}).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(number("select count(*) from gatetape.frames"), 1);
  TestSession other;
  const SessionWrite second = write_of(other, {other.open()});
  EXPECT_TRUE(zombie.commit({absl::MakeConstSpan(&second, 1), {}}).ok());
}

TEST_F(StoreTest, a_backend_that_dies_in_commit_leaves_doubt_that_the_next_read_settles) {
  // Fires inside COMMIT, as the owner: the recorder itself may not end backends.
  ASSERT_TRUE(
      PgCluster::shared()
          .open(database_)
          ->run_script("create function die() returns trigger language plpgsql security "
                       "definer as $$ begin perform pg_terminate_backend(pg_backend_pid()); "
                       "return null; end $$; create constraint trigger die after insert on "
                       "gatetape.frames deferrable initially deferred for each row execute "
                       "function die()")
          .ok());
  const SessionWrite write = write_of(session_, {session_.open()});
  EXPECT_TRUE(absl::IsAborted(store_.commit({absl::MakeConstSpan(&write, 1), {}})));
  ASSERT_TRUE(owner_->execute("drop trigger die on gatetape.frames").ok());
  ASSERT_TRUE(store_.open().ok());
  const uint64_t stored = tail_of(session_).last_seq;
  EXPECT_EQ(stored, 0u);
  EXPECT_EQ(static_cast<uint64_t>(number("select count(*) from gatetape.frames")), stored);
}

TEST_F(StoreTest, a_warning_at_commit_is_doubt) {
  ASSERT_TRUE(
      PgCluster::shared()
          .open(database_)
          ->run_script("create function warn() returns trigger language plpgsql as $$ begin "
                       "raise warning 'canceling wait for synchronous replication'; return "
                       "null; end $$; create constraint trigger warn after insert on "
                       "gatetape.frames deferrable initially deferred for each row execute "
                       "function warn()")
          .ok());
  const SessionWrite write = write_of(session_, {session_.open()});
  EXPECT_TRUE(absl::IsAborted(store_.commit({absl::MakeConstSpan(&write, 1), {}})));
  ASSERT_TRUE(store_.open().ok());
  EXPECT_EQ(tail_of(session_).last_seq, 1u);
}

TEST_F(StoreTest, the_recorder_may_only_add) {
  const auto recorder = PgCluster::shared().connect(database_, "gatetape_recorder");
  for (const char* sql : {"delete from gatetape.frames", "update gatetape.event set text = ''",
                          "truncate gatetape.head", "select * from gatetape.event",
                          "select leaf from gatetape.log_entry", "select list from gatetape.heads",
                          "insert into gatetape.log_leaf values (0, '', '', 1)",
                          "create table gatetape.x (y int)", "drop table gatetape.frames"})
    EXPECT_FALSE(recorder->execute(sql).ok()) << sql;
  const auto auditd = PgCluster::shared().connect(database_, "gatetape_auditd");
  for (const char* table :
       {"frames", "session_key", "head", "session", "session_end", "channel", "event"})
    EXPECT_TRUE(auditd->execute("select * from gatetape." + std::string(table)).ok()) << table;
  EXPECT_FALSE(
      auditd->execute("insert into gatetape.session_key values (gen_random_uuid(), '')").ok());
}

TEST_F(StoreTest, upkeep_makes_the_days_to_come) {
  ASSERT_TRUE(owner_
                  ->execute("drop table gatetape.frames_p" +
                            owner_
                                ->execute("select to_char(now() at time zone 'UTC' + interval "
                                          "'5 days', 'YYYYMMDD')")
                                ->text(0, 0))
                  .ok());
  const std::string count =
      "select count(*) from pg_inherits where inhparent = 'gatetape.frames'::regclass";
  const int64_t before = number(count);
  const absl::Status kept = store_.keep_up();
  ASSERT_TRUE(kept.ok()) << kept;
  EXPECT_EQ(number(count), before + 1);
}

TEST_F(StoreTest, a_database_that_is_newer_than_the_program_is_refused) {
  ASSERT_TRUE(
      owner_->execute("insert into public.gatetape_migration values (9999, 'x', '', now())").ok());
  EXPECT_EQ(store_.open().code(), absl::StatusCode::kFailedPrecondition);
}

// The rows of the lists can be joined, and what they hold is what was signed.
TEST_F(StoreTest, lists_are_stored_with_their_entries) {
  TestSession other;
  std::vector<SessionWrite> writes;
  writes.push_back(write_of(session_, {session_.open()}));
  writes.push_back(write_of(other, {other.open()}));
  const Instant now{.wall_ns = 1'796'000'000'123'456'789};
  ASSERT_TRUE(commit_all(writes, now, false).ok());
  const auto row = owner_->execute(
      "select e.entry, h.list, h.at, e.leaf from gatetape.log_entry e join gatetape.heads h using "
      "(leaf)");
  ASSERT_EQ(row->rows(), 1);
  const auto list = HeadsList::parse(row->bytes(0, 1));
  ASSERT_TRUE(list.ok());
  EXPECT_EQ(list->lines().size(), 2u);
  const auto entry = LogEntry::parse(row->bytes(0, 0));
  EXPECT_TRUE(list->is_of(std::get<HeadsEntry>(entry->body)));
  EXPECT_TRUE(entry->verify(key_.public_key()));
  EXPECT_EQ(row->timestamptz_ns(0, 2), 1'796'000'000'123'456'000);
  EXPECT_EQ(row->bytes(0, 3), view(merkle_leaf(row->bytes(0, 0))));
}

TEST_F(StoreTest, the_lists_of_an_opening_and_a_close_are_found_by_their_session) {
  ASSERT_TRUE(commit(write_of(session_, {session_.open()})).ok());
  SessionWrite last = write_of(session_, {session_.end()});
  last.head = std::make_unique<SignedHead>();
  *last.head = {session_.head(), key_.public_key().raw, key_.sign("g"), key_.public_key().raw,
                key_.sign("r")};
  ASSERT_TRUE(commit(std::move(last)).ok());
  EXPECT_EQ(number("select count(*) from gatetape.session_heads s join gatetape.heads h using (at, "
                   "leaf) where s.state = 'open' and convert_from(list, 'UTF8') like "
                   "s.session_id || ' 1 % open' || chr(10)"),
            1);
  EXPECT_EQ(number("select count(*) from gatetape.session_heads s join gatetape.heads h using (at, "
                   "leaf) where s.state = 'close' and convert_from(list, 'UTF8') like "
                   "s.session_id || ' 2 % close' || chr(10)"),
            1);
}

TEST_F(StoreTest, a_list_alone_and_two_lists_are_stored) {
  ASSERT_TRUE(commit(write_of(session_, {session_.open()})).ok());
  ASSERT_TRUE(commit(write_of(session_, {session_.next(FrameKind::kIn, "x")})).ok());
  TestSession other;
  const SessionWrite opening = write_of(other, {other.open()});
  const Instant now{.wall_ns = system_clock().wall_ns()};
  ASSERT_TRUE(commit_all(absl::MakeConstSpan(&opening, 1), now, true).ok());
  EXPECT_EQ(number("select count(*) from gatetape.log_entry"), 3);
  ASSERT_TRUE(commit(write_of(session_, {session_.next(FrameKind::kIn, "y")})).ok());
  ASSERT_TRUE(commit_all({}, now, true).ok());
  EXPECT_EQ(number("select count(*) from gatetape.heads"), 4);
  EXPECT_EQ(number("select count(*) from gatetape.session_heads"), 2);
}

using StoreDeathTest = StoreTest;

TEST_F(StoreDeathTest, what_is_stored_of_a_session_fits_together) {
  const std::vector<Frame> frames = {session_.open(), session_.next(FrameKind::kIn, "x")};
  SessionWrite write = write_of(session_, frames);
  write.batch = {};
  EXPECT_DEATH((void)commit(std::move(write)), "raw_bytes > 0");
  write = write_of(session_, frames);
  write.keys.reset();
  EXPECT_DEATH((void)commit(std::move(write)), "write.keys");
  write = write_of(session_, frames);
  write.derived.resize(3);
  EXPECT_DEATH((void)commit(std::move(write)), "derived.size");
}

}  // namespace
}  // namespace gatetape::recorder
