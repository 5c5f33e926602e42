// The promises of the heads lists: each session has its opening and its close in the transaction
// that stores them, nothing that was committed is forgotten, and the numbers of a run have no hole.
#include "recorder/heads_core.h"

#include <gtest/gtest.h>

#include "log/entry.h"

namespace gatetape::recorder {
namespace {

using State = HeadsLine::State;

class HeadsCoreTest : public testing::Test {
 protected:
  void SetUp() override { core_.begin_run(random_bytes(kRunBytes), now_.mono_ns); }

  static SessionId session(char number) {
    return *SessionId::from_bytes(std::string(15, '\0') + number);
  }
  // write_of returns a write that ends with a frame, whose root tells the session and the frame.
  static SessionWrite write_of(char number, uint64_t first_seq, uint64_t last_seq) {
    SessionWrite write;
    write.session = session(number);
    write.first_seq = first_seq;
    write.last_seq = last_seq;
    write.root = root_of(number, last_seq);
    return write;
  }
  static SessionWrite closed(SessionWrite write, uint64_t size) {
    write.head = std::make_unique<SignedHead>();
    write.head->head = {write.session, size, root_of(write.session.bytes().back(), size)};
    return write;
  }
  static Hash root_of(char number, uint64_t size) {
    return sha256(std::string(1, number), std::to_string(size));
  }
  static HeadsLine line(char number, uint64_t size, State state) {
    return {session(number), {size, root_of(number, size)}, state};
  }
  template <typename... Write>
  static std::vector<SessionWrite> writes(Write... write) {
    std::vector<SessionWrite> all;
    (all.push_back(std::move(write)), ...);
    return all;
  }

  // commit makes the lists of a transaction and reports it as durable.
  std::vector<SignedList> commit(const std::vector<SessionWrite>& writes) {
    std::vector<SignedList> lists = core_.lists_of(writes, now_, core_.due_ns() <= now_.mono_ns);
    core_.on_committed({writes, lists}, now_);
    return lists;
  }
  void wait() { now_.mono_ns += HeadsCore::kListEveryNs; }
  static HeadsEntry entry_of(const SignedList& list) {
    return std::get<HeadsEntry>(LogEntry::parse(list.entry)->body);
  }

  const SigningKey key_ = SigningKey::generate();
  HeadsCore core_{&key_};
  Instant now_{.mono_ns = 1'000, .wall_ns = 1'796'000'000'123'456'789};
};

using Lines = std::vector<HeadsLine>;

TEST_F(HeadsCoreTest, a_transaction_names_what_opens_and_what_closes_in_it_and_nothing_else) {
  const auto lists =
      commit(writes(write_of(2, 1, 4), write_of(1, 7, 9), closed(write_of(3, 5, 6), 6)));
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_EQ(lists[0].list.lines(), (Lines{line(2, 4, State::kOpen), line(3, 6, State::kClose)}));
  EXPECT_EQ(lists[0].opened, std::vector<SessionId>{session(2)});
  EXPECT_EQ(lists[0].closed, std::vector<SessionId>{session(3)});
}

TEST_F(HeadsCoreTest, a_session_that_opens_and_closes_at_once_has_one_line) {
  const auto lists = commit(writes(closed(write_of(1, 1, 3), 3)));
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_EQ(lists[0].list.lines(), Lines{line(1, 3, State::kClose)});
  EXPECT_EQ(lists[0].opened, std::vector<SessionId>{session(1)});
  EXPECT_EQ(lists[0].closed, std::vector<SessionId>{session(1)});
  EXPECT_FALSE(core_.has_unlisted());
}

TEST_F(HeadsCoreTest, a_head_without_frames_closes_too) {
  const auto lists = commit(writes(closed(write_of(1, 0, 0), 8)));
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_EQ(lists[0].list.lines(), Lines{line(1, 8, State::kClose)});
  EXPECT_TRUE(lists[0].opened.empty());
}

TEST_F(HeadsCoreTest, the_entry_is_that_of_the_list_and_signed) {
  const auto lists = commit(writes(write_of(1, 1, 1)));
  const HeadsEntry entry = entry_of(lists[0]);
  EXPECT_TRUE(lists[0].list.is_of(entry));
  EXPECT_EQ(entry.time_ns, 1'796'000'000'123'456'789u);
  EXPECT_EQ(lists[0].time_ns, entry.time_ns);
  EXPECT_EQ(lists[0].leaf, merkle_leaf(lists[0].entry));
  EXPECT_TRUE(LogEntry::parse(lists[0].entry)->verify(key_.public_key()));
}

TEST_F(HeadsCoreTest, a_clock_before_1970_is_signed_as_1970) {
  now_.wall_ns = -1;
  EXPECT_EQ(entry_of(commit(writes(write_of(1, 1, 1)))[0]).time_ns, 0u);
}

TEST_F(HeadsCoreTest, what_advanced_is_named_a_second_later) {
  EXPECT_EQ(core_.due_ns(), INT64_MAX);
  EXPECT_TRUE(commit(writes(write_of(1, 2, 3))).empty());
  const int64_t due_ns = core_.due_ns();
  EXPECT_EQ(due_ns, now_.mono_ns + HeadsCore::kListEveryNs);
  now_.mono_ns += HeadsCore::kListEveryNs / 2;
  EXPECT_TRUE(commit(writes(write_of(2, 2, 2))).empty());
  EXPECT_EQ(core_.due_ns(), due_ns);
  now_.mono_ns = due_ns;
  const auto lists = commit({});
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_EQ(lists[0].list.lines(), (Lines{line(1, 3, State::kLive), line(2, 2, State::kLive)}));
  EXPECT_TRUE(lists[0].opened.empty() && lists[0].closed.empty());
  EXPECT_EQ(core_.due_ns(), INT64_MAX);
}

TEST_F(HeadsCoreTest, a_live_list_names_what_its_own_transaction_stores) {
  commit(writes(write_of(1, 2, 3), write_of(2, 2, 2), write_of(4, 2, 2)));
  wait();
  const auto lists =
      commit(writes(write_of(1, 4, 5), closed(write_of(2, 3, 3), 3), write_of(3, 1, 1)));
  ASSERT_EQ(lists.size(), 2u);
  EXPECT_EQ(lists[0].list.lines(), (Lines{line(2, 3, State::kClose), line(3, 1, State::kOpen)}));
  EXPECT_EQ(lists[1].list.lines(), (Lines{line(1, 5, State::kLive), line(4, 2, State::kLive)}));
  EXPECT_FALSE(core_.has_unlisted());
}

TEST_F(HeadsCoreTest, a_close_leaves_nothing_to_name) {
  commit(writes(write_of(1, 2, 3)));
  wait();
  const auto lists = commit(writes(closed(write_of(1, 4, 4), 4)));
  EXPECT_EQ(lists.size(), 1u);
  EXPECT_EQ(core_.due_ns(), INT64_MAX);
}

TEST_F(HeadsCoreTest, the_numbers_of_a_run_have_no_hole) {
  EXPECT_EQ(entry_of(commit(writes(write_of(1, 1, 1)))[0]).n, 1u);
  commit(writes(write_of(1, 2, 2)));
  wait();
  const auto lists = commit(writes(write_of(2, 1, 1)));
  EXPECT_EQ(entry_of(lists[0]).n, 2u);
  EXPECT_EQ(entry_of(lists[1]).n, 3u);
  const std::vector<SessionWrite> refused = writes(write_of(3, 1, 1));
  EXPECT_EQ(entry_of(core_.lists_of(refused, now_, true)[0]).n, 4u);
  EXPECT_EQ(entry_of(commit(writes(write_of(4, 1, 1)))[0]).n, 4u);
  EXPECT_EQ(core_.lists(), 4u);
}

TEST_F(HeadsCoreTest, a_new_run_names_what_the_old_one_left_and_nothing_that_failed) {
  const HeadsEntry first = entry_of(commit(writes(write_of(1, 1, 1)))[0]);
  commit(writes(write_of(1, 2, 3)));
  wait();
  const std::vector<SessionWrite> doubtful = writes(write_of(1, 4, 5), write_of(2, 2, 2));
  EXPECT_EQ(core_.lists_of(doubtful, now_, true).size(), 1u);
  core_.begin_run(random_bytes(kRunBytes), now_.mono_ns);
  EXPECT_GT(core_.due_ns(), now_.mono_ns);
  wait();
  const auto lists = commit({});
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_EQ(lists[0].list.lines(), Lines{line(1, 3, State::kLive)});
  EXPECT_EQ(entry_of(lists[0]).n, 1u);
  EXPECT_NE(entry_of(lists[0]).run, first.run);
}

// Two streams can have frames of one session in a transaction. A peer causes it, so that it must
// not end the process.
TEST_F(HeadsCoreTest, two_writes_of_a_session_have_one_line) {
  commit(writes(write_of(1, 6, 6), write_of(1, 2, 5)));
  wait();
  const auto live = commit({});
  EXPECT_EQ(live[0].list.lines(), Lines{line(1, 6, State::kLive)});
  const auto lists = commit(writes(closed(write_of(1, 0, 0), 6), write_of(1, 7, 9)));
  ASSERT_EQ(lists.size(), 1u);
  EXPECT_EQ(lists[0].list.lines(), Lines{line(1, 6, State::kClose)});
  wait();
  EXPECT_EQ(commit({})[0].list.lines(), Lines{line(1, 9, State::kLive)});
}

TEST_F(HeadsCoreTest, a_stop_makes_the_list_due_at_once) {
  core_.stop();
  EXPECT_EQ(core_.due_ns(), INT64_MAX);
  commit(writes(write_of(1, 2, 2)));
  EXPECT_LE(core_.due_ns(), now_.mono_ns);
}

using HeadsCoreDeathTest = HeadsCoreTest;

TEST_F(HeadsCoreDeathTest, a_list_needs_a_run_of_its_own) {
  const std::string run = random_bytes(kRunBytes);
  core_.begin_run(run, now_.mono_ns);
  EXPECT_DEATH(core_.begin_run(run, now_.mono_ns), "run != run_");
  EXPECT_DEATH(core_.begin_run("short", now_.mono_ns), "kRunBytes");
  HeadsCore without(&key_);
  EXPECT_DEATH((void)without.lists_of(writes(write_of(1, 1, 1)), now_, false), "run_.empty");
}

}  // namespace
}  // namespace gatetape::recorder
