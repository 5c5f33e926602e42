// PolicyTest: a CommitPolicy with a store and two streams that write down what they are told.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "log/entry.h"
#include "recorder/commit_policy.h"
#include "tests/support/test_session.h"

namespace gatetape::recorder {

// FakeStore answers commits from a script, then with OK.
class FakeStore : public Store {
 public:
  absl::Status open() override { return absl::OkStatus(); }
  absl::Status commit(const Commit& commit) override {
    commits.emplace_back();
    lists.emplace_back();
    for (const SignedList& one : commit.lists) lists.back().push_back(said_by(one));
    for (const SessionWrite& write : commit.writes) {
      commits.back().push_back({write.first_seq, write.last_seq});
      if (const auto it = poison.find(write.session); it != poison.end()) return it->second;
    }
    if (script.empty()) return absl::OkStatus();
    const absl::Status status = script.front();
    script.pop_front();
    return status;
  }
  absl::StatusOr<std::vector<Tail>> read_tails(absl::Span<const SessionId> sessions) override {
    if (!reads.ok()) return reads;
    return std::vector<Tail>(sessions.size());
  }
  absl::Status keep_up() override { return absl::OkStatus(); }

  std::vector<std::vector<std::pair<uint64_t, uint64_t>>>
      commits;  // first and last seq of each row
  std::deque<absl::Status> script;
  std::map<SessionId, absl::Status> poison;  // what a commit with this session gives
  // The lists of each commit: n of the entry, then state and size of each line.
  std::vector<std::vector<std::string>> lists;
  absl::Status reads;

 private:
  static std::string said_by(const SignedList& one) {
    const LogEntry entry = *LogEntry::parse(one.entry);
    std::string said = std::to_string(std::get<HeadsEntry>(entry.body).n);
    for (const HeadsLine& line : one.list.lines()) {
      const char* const states[] = {" open ", " live ", " close "};
      said += states[static_cast<int>(line.state)] + std::to_string(line.head.size);
    }
    return said;
  }
};

// FakeLane writes down what it is told.
class FakeLane : public Lane {
 public:
  void on_bound(uint32_t handle, const Tail&) override { say("bound", handle); }
  void on_durable(uint32_t handle, uint64_t seq, const Hash&) override {
    say("durable", handle, seq);
  }
  void on_closed(uint32_t handle, const SignedHead&) override { say("closed", handle); }
  void on_refused(uint32_t handle, const Refusal& refusal) override {
    say("refused", handle, static_cast<uint64_t>(refusal.code));
  }
  void on_failed(const absl::Status&) override { said.push_back("failed"); }
  void on_finished() override { said.push_back("finished"); }
  std::vector<std::string> said;

 private:
  void say(const std::string& what, uint32_t handle, uint64_t number = 0) {
    said.push_back(what + " " + std::to_string(handle) +
                   (number > 0 ? " " + std::to_string(number) : ""));
  }
};

using Said = std::vector<std::string>;

class PolicyTest : public testing::Test {
 protected:
  void SetUp() override { begin_run(); }
  void begin_run() { policy_.heads().begin_run(random_bytes(kRunBytes), now_.mono_ns); }
  CommitPolicy::Outcome step() { return policy_.step(store_, now_); }
  Work work(Work::Kind kind, const std::shared_ptr<FakeLane>& lane, const TestSession& session) {
    Work work;
    work.kind = kind;
    work.lane = lane;
    work.handle = session.handle();
    work.session = session.id();
    return work;
  }
  void frame(const std::shared_ptr<FakeLane>& lane, TestSession* session,
             const std::string& payload = "x") {
    add(frame_work(lane, session, payload));
  }
  void frame_with_rows(const std::shared_ptr<FakeLane>& lane, TestSession* session) {
    Work one = frame_work(lane, session, "x");
    one.derived = std::make_unique<Derived>();
    add(std::move(one));
  }
  Work frame_work(const std::shared_ptr<FakeLane>& lane, TestSession* session,
                  const std::string& payload) {
    Work one = work(Work::Kind::kFrame, lane, *session);
    one.frame = session->next(FrameKind::kIn, payload);
    one.root = session->root();
    if (one.frame.seq == 1) one.keys = std::make_unique<CommitKeys>(session->keys());
    return one;
  }
  void close(const std::shared_ptr<FakeLane>& lane, const TestSession& session) {
    Work one = work(Work::Kind::kClose, lane, session);
    one.head = std::make_unique<SignedHead>();
    one.head->head = session.head();
    add(std::move(one));
  }
  void bind(const std::shared_ptr<FakeLane>& lane, const TestSession& session) {
    add(work(Work::Kind::kBind, lane, session));
  }
  void finish(const std::shared_ptr<FakeLane>& lane) {
    add(work(Work::Kind::kFinish, lane, TestSession(0)));
  }
  void add(Work one) {
    std::vector<Work> list;
    list.push_back(std::move(one));
    policy_.add(std::move(list));
  }

  const SigningKey key_ = SigningKey::generate();
  CommitPolicy policy_{&key_};
  FakeStore store_;
  Instant now_{.mono_ns = 1'000, .wall_ns = 1'796'000'000'000'000'000};
  std::shared_ptr<FakeLane> lane_ = std::make_shared<FakeLane>();
  std::shared_ptr<FakeLane> other_ = std::make_shared<FakeLane>();
  TestSession one_{1};
  TestSession two_{2};
};

}  // namespace gatetape::recorder
