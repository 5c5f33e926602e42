#include "log/heads_list.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "log/fields.h"
#include "record/merkle.h"

namespace gatetape {
namespace {

constexpr std::array<std::string_view, 3> kStates = {"open", "live", "close"};

bool by_session(const HeadsLine& a, const HeadsLine& b) { return a.session < b.session; }

bool not_ascending(const HeadsLine& a, const HeadsLine& b) { return !(a.session < b.session); }

// LineTree computes each node from the leaves. It suits a list, of which one proof is made.
class LineTree : public NodeSource {
 public:
  explicit LineTree(const std::vector<HeadsLine>& lines) {
    leaves_.reserve(lines.size());
    for (const HeadsLine& line : lines) leaves_.push_back(merkle_leaf(line.to_text()));
  }
  absl::StatusOr<Hash> node(uint32_t level, uint64_t index) override {
    CHECK((index + 1) << level <= leaves_.size(), level, index, leaves_.size());
    CompactRange range;
    for (uint64_t i = index << level; i < (index + 1) << level; i++) range.append(leaves_[i]);
    return range.root();
  }

 private:
  std::vector<Hash> leaves_;
};

absl::Status malformed() {
  return absl::InvalidArgumentError("not a heads list of `SESSION SIZE ROOT open|live|close`");
}

}  // namespace

std::string HeadsLine::to_text() const {
  return absl::StrCat(session.to_text(), " ", head.size, " ", to_base64(view(head.root)), " ") +
         std::string(kStates[static_cast<size_t>(state)]);
}

absl::StatusOr<HeadsLine> HeadsLine::parse(std::string_view line) {
  FieldReader reader(line, ' ');
  HeadsLine parsed;
  parsed.session = reader.session();
  parsed.head = {reader.number(1), reader.hash()};
  const auto state = std::find(kStates.begin(), kStates.end(), reader.rest());
  if (!reader.ok() || state == kStates.end()) return malformed();
  parsed.state = static_cast<State>(state - kStates.begin());
  return parsed;
}

HeadsList HeadsList::from_lines(std::vector<HeadsLine> lines) {
  std::sort(lines.begin(), lines.end(), by_session);
  HeadsList list;
  list.lines_ = std::move(lines);
  CHECK(!list.lines_.empty());
  const auto twice = std::adjacent_find(list.lines_.begin(), list.lines_.end(), not_ascending);
  CHECK(twice == list.lines_.end(), twice->session.to_text());
  for (const HeadsLine& line : list.lines_) CHECK(line.head.size > 0, line.to_text());
  return list;
}

absl::StatusOr<HeadsList> HeadsList::parse(std::string_view text) {
  HeadsList list;
  FieldReader reader(text);
  while (!reader.at_end()) {
    const auto line = HeadsLine::parse(reader.field());
    if (!line.ok()) return line.status();
    if (!list.lines_.empty() && not_ascending(list.lines_.back(), *line)) return malformed();
    list.lines_.push_back(*line);
  }
  if (list.lines_.empty()) return malformed();
  return list;
}

size_t HeadsList::find(const SessionId& session) const {
  HeadsLine wanted;
  wanted.session = session;
  const auto at = std::lower_bound(lines_.begin(), lines_.end(), wanted, by_session);
  return at != lines_.end() && at->session == session ? static_cast<size_t>(at - lines_.begin())
                                                      : lines_.size();
}

std::string HeadsList::to_text() const {
  std::string text;
  for (const HeadsLine& line : lines_) text += line.to_text() + "\n";
  return text;
}

Hash HeadsList::root() const {
  CompactRange range;
  for (const HeadsLine& line : lines_) range.append(merkle_leaf(line.to_text()));
  return range.root();
}

std::vector<Hash> HeadsList::prove(size_t index) const {
  CHECK(index < lines_.size(), index, lines_.size());
  LineTree tree(lines_);
  return *inclusion_proof(tree, index, lines_.size());
}

}  // namespace gatetape
