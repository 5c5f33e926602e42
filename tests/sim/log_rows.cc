#include "tests/sim/log_rows.h"

#include <algorithm>
#include <optional>

#include "log/entry.h"

namespace gatetape::sim {
namespace {

std::optional<HeadsEntry> heads_entry(const std::string& text) {
  const absl::StatusOr<LogEntry> entry = LogEntry::parse(text);
  if (!entry.ok() || !std::holds_alternative<HeadsEntry>(entry->body)) return std::nullopt;
  return std::get<HeadsEntry>(entry->body);
}

}  // namespace

bool LogRows::collide(const std::vector<recorder::SignedList>& lists) const {
  for (const recorder::SignedList& one : lists) {
    if (leaves_.contains(one.leaf)) return true;
    for (const SessionId& id : one.opened)
      if (session_heads_.contains({id, State::kOpen})) return true;
    for (const SessionId& id : one.closed)
      if (session_heads_.contains({id, State::kClose})) return true;
  }
  return false;
}

void LogRows::check_entry(const recorder::SignedList& one) {
  const std::optional<HeadsEntry> entry = heads_entry(one.entry);
  if (!entry || one.leaf != merkle_leaf(one.entry) || entry->time_ns != one.time_ns)
    world_->violate("log", "the row of an entry is not that entry");
  if (!one.list.is_of(*entry)) world_->violate("log", "an entry is not that of its list");
  if (!runs_[entry->run].insert(entry->n).second)
    world_->violate("log", "the number " + std::to_string(entry->n) + " of a run is used twice");
}

// A list names what opens or closes in its transaction, or other sessions, and never both.
void LogRows::check_lines(const recorder::SignedList& one, const Ends& ends) {
  const bool is_live = one.list.lines()[0].state == State::kLive;
  for (const HeadsLine& line : one.list.lines()) {
    const auto at = ends.find(line.session);
    const State wanted = at == ends.end()    ? State::kLive
                         : at->second.closes ? State::kClose
                                             : State::kOpen;
    if (line.state != wanted || is_live != (wanted == State::kLive))
      world_->violate("log", "a list has a line that is not its own: " + line.to_text());
  }
}

void LogRows::check_ends(const std::vector<recorder::SignedList>& lists, const Ends& ends) {
  std::multiset<SessionId> named, opened, closed;
  for (const recorder::SignedList& one : lists) {
    check_lines(one, ends);
    for (const HeadsLine& line : one.list.lines()) named.insert(line.session);
    opened.insert(one.opened.begin(), one.opened.end());
    closed.insert(one.closed.begin(), one.closed.end());
  }
  for (const auto& [id, end] : ends) {
    if (named.count(id) != 1)
      world_->violate("log", "a session opens or closes, and its transaction has no line of it");
    if (opened.count(id) != (end.opens ? 1 : 0) || closed.count(id) != (end.closes ? 1 : 0))
      world_->violate("log", "no row leads to the line of an opening or a close");
  }
}

void LogRows::commit(const std::vector<recorder::SignedList>& lists, const Ends& ends) {
  check_ends(lists, ends);
  for (const recorder::SignedList& one : lists) {
    check_entry(one);
    leaves_.insert(one.leaf);
    entries_.push_back(one.entry);
    for (const SessionId& id : one.opened) session_heads_.insert({id, State::kOpen});
    for (const SessionId& id : one.closed) session_heads_.insert({id, State::kClose});
    for (const HeadsLine& line : one.list.lines()) heads_[line.session].push_back(line.head);
    world_->note("list stored", 0, one.list.lines().size(),
                 static_cast<uint64_t>(one.list.lines()[0].state));
  }
}

std::vector<TreeHead> LogRows::heads_of(const SessionId& session) const {
  const auto found = heads_.find(session);
  return found == heads_.end() ? std::vector<TreeHead>() : found->second;
}

uint64_t LogRows::listed(const SessionId& session) const {
  uint64_t most = 0;
  for (const TreeHead& head : heads_of(session)) most = std::max(most, head.size);
  return most;
}

void LogRows::check_rest(const std::vector<PublicKey>& recorders) const {
  for (const std::string& text : entries_) {
    const LogEntry entry = *LogEntry::parse(text);
    if (std::none_of(recorders.begin(), recorders.end(),
                     [&entry](const PublicKey& key) { return entry.verify(key); }))
      world_->violate("log", "an entry is not signed by a recorder");
  }
  for (const auto& [run, numbers] : runs_)
    if (*numbers.begin() != 1 || *numbers.rbegin() != numbers.size())
      world_->violate(
          "log", "the numbers of a run have a hole before " + std::to_string(*numbers.rbegin()));
}

}  // namespace gatetape::sim
