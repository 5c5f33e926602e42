// StoreTest: a PgStore on a fresh database of the test cluster, and what one commit stores.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "log/entry.h"
#include "recorder/heads_core.h"
#include "recorder/pg_store.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/test_session.h"

namespace gatetape::recorder {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_.open().ok());
    heads_.begin_run(random_bytes(kRunBytes), 0);
  }

  // What one commit stores when these frames came, the last of the session's.
  static SessionWrite write_of(const TestSession& session, const std::vector<Frame>& frames) {
    SessionWrite write;
    write.session = session.id();
    write.first_seq = frames.front().seq;
    write.last_seq = frames.back().seq;
    write.root = session.root();
    write.batch = encode_batch(frames);
    write.last_offset_ns = frames.back().offset_ns;
    write.last_kind = frames.back().kind;
    if (write.first_seq == 1) write.keys = std::make_unique<CommitKeys>(session.keys());
    for (const Frame& frame : frames) {
      if (is_bytes(frame.kind)) continue;
      const Event event = *Event::decode(frame.payload);
      Derived derived;
      if (frame.seq == 1) derived.session = derive_session(frame, event);
      if (frame.kind == FrameKind::kSessionEnd)
        derived.session_end = derive_session_end(frame, event, 0);
      derived.channel = derive_channel(frame, event);
      derived.event = derive_event(frame, event);
      write.derived.push_back(std::move(derived));
    }
    return write;
  }
  // commit stores a write with the lists that it needs.
  absl::Status commit(SessionWrite write) {
    const absl::Span<const SessionWrite> writes(&write, 1);
    return commit_all(writes, {.wall_ns = system_clock().wall_ns()}, false);
  }
  absl::Status commit_all(absl::Span<const SessionWrite> writes, const Instant& now,
                          bool with_live) {
    const std::vector<SignedList> lists = heads_.lists_of(writes, now, with_live);
    absl::Status status = store_.commit({writes, lists});
    if (status.ok()) heads_.on_committed({writes, lists}, now);
    return status;
  }
  Tail tail_of(const TestSession& session) {
    const auto tails = store_.read_tails({session.id()});
    EXPECT_TRUE(tails.ok()) << tails.status();
    return tails.ok() ? tails->front() : Tail();
  }
  int64_t number(const std::string& sql) { return owner_->execute(sql)->int8(0, 0); }

  std::string database_ = PgCluster::shared().create_record();
  std::unique_ptr<PgConnection> owner_ = PgCluster::shared().connect(database_);
  PgStore store_{PgStoreOptions{PgCluster::shared().conninfo(database_, "gatetape_recorder"), 5}};
  const SigningKey key_ = SigningKey::generate();
  HeadsCore heads_{&key_};
  TestSession session_;
};

}  // namespace gatetape::recorder
