#include "recorder/heads_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "log/entry.h"

namespace gatetape::recorder {
namespace {

bool is_first(const SessionWrite& write) { return write.first_seq == 1; }
bool is_last(const SessionWrite& write) { return write.head != nullptr; }

TreeHead head_of(const SessionWrite& write) {
  const TreeHead head = is_last(write) ? TreeHead{write.head->head.size, write.head->head.root}
                                       : TreeHead{write.last_seq, write.root};
  CHECK(head.size > 0, write.first_seq);
  return head;
}

using Lines = std::map<SessionId, HeadsLine>;

// add keeps one line for each session. A transaction may have two writes of a session, which two
// streams sent: the line of the signed head is kept, or else that of more frames.
void add(HeadsLine line, Lines* lines) {
  const auto [at, is_new] = lines->try_emplace(line.session, line);
  if (is_new || at->second.state == HeadsLine::State::kClose) return;
  if (line.state == HeadsLine::State::kClose || at->second.head.size < line.head.size)
    at->second = line;
}

HeadsList list_of(const Lines& lines) {
  std::vector<HeadsLine> values;
  values.reserve(lines.size());
  for (const auto& [session, line] : lines) values.push_back(line);
  return HeadsList::from_lines(std::move(values));
}

// ends_of returns the `open` and `close` lines of a transaction.
Lines ends_of(absl::Span<const SessionWrite> writes) {
  Lines lines;
  for (const SessionWrite& write : writes) {
    if (!is_first(write) && !is_last(write)) continue;
    const auto state = is_last(write) ? HeadsLine::State::kClose : HeadsLine::State::kOpen;
    add({write.session, head_of(write), state}, &lines);
  }
  return lines;
}

// live_of returns the lines of all other sessions that advanced, now or before.
Lines live_of(absl::Span<const SessionWrite> writes, const std::map<SessionId, TreeHead>& unlisted,
              const Lines& ends) {
  Lines lines;
  for (const auto& [session, head] : unlisted) add({session, head}, &lines);
  for (const SessionWrite& write : writes) add({write.session, head_of(write)}, &lines);
  for (const auto& [session, line] : ends) lines.erase(session);
  return lines;
}

}  // namespace

void HeadsCore::begin_run(std::string run, int64_t mono_ns) {
  CHECK(run.size() == kRunBytes && run != run_, run.size());
  run_ = std::move(run);
  n_ = 0;
  due_ns_ = unlisted_.empty() ? INT64_MAX : mono_ns + kListEveryNs;
}

int64_t HeadsCore::due_ns() const {
  CHECK(unlisted_.empty() == (due_ns_ == INT64_MAX), unlisted_.size(), due_ns_);
  return stopping_ && !unlisted_.empty() ? INT64_MIN : due_ns_;
}

SignedList HeadsCore::sign(HeadsList list, uint64_t n, const Instant& now) const {
  CHECK(!run_.empty() && n > n_, n, n_);
  SignedList one;
  one.time_ns = static_cast<uint64_t>(std::max<int64_t>(now.wall_ns, 0));
  one.entry =
      LogEntry::signed_by(*key_, HeadsEntry{run_, n, one.time_ns, list.lines().size(), list.root()})
          .to_text();
  one.leaf = merkle_leaf(one.entry);
  one.list = std::move(list);
  return one;
}

std::vector<SignedList> HeadsCore::lists_of(absl::Span<const SessionWrite> writes,
                                            const Instant& now, bool with_live) const {
  std::vector<SignedList> lists;
  const Lines ends = ends_of(writes);
  if (!ends.empty()) {
    lists.push_back(sign(list_of(ends), n_ + 1, now));
    for (const SessionWrite& write : writes) {
      if (is_first(write)) lists.back().opened.push_back(write.session);
      if (is_last(write)) lists.back().closed.push_back(write.session);
    }
    CHECK(lists.back().opened.size() + lists.back().closed.size() >= ends.size(), ends.size());
  }
  if (!with_live) return lists;
  const Lines live = live_of(writes, unlisted_, ends);
  if (!live.empty()) lists.push_back(sign(list_of(live), n_ + 1 + lists.size(), now));
  return lists;
}

void HeadsCore::on_committed(const Commit& commit, const Instant& now) {
  CHECK(!run_.empty(), commit.lists.size());
  n_ += commit.lists.size();
  lists_ += commit.lists.size();
  for (const SessionWrite& write : commit.writes) {
    TreeHead& known = unlisted_[write.session];
    if (const TreeHead head = head_of(write); known.size < head.size) known = head;
  }
  for (const SignedList& one : commit.lists) {
    for (const HeadsLine& line : one.list.lines()) {
      const auto at = unlisted_.find(line.session);
      if (at != unlisted_.end() && at->second.size <= line.head.size) unlisted_.erase(at);
    }
  }
  if (unlisted_.empty())
    due_ns_ = INT64_MAX;
  else if (due_ns_ == INT64_MAX)
    due_ns_ = now.mono_ns + kListEveryNs;
}

}  // namespace gatetape::recorder
