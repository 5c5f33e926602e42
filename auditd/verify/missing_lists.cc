#include "auditd/verify/missing_lists.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "auditd/verify/logged_session.h"

namespace gatetape::auditd {
namespace {

// Ranges that are named; a table that was emptied is not a line for each list.
constexpr size_t kLinesMax = 100;

}  // namespace

void MissingLists::missing(uint64_t leaf_index, uint64_t time_ns) {
  if (!ranges_.empty() && ranges_.back().last + 1 == leaf_index)
    ranges_.back().last = leaf_index;
  else
    ranges_.push_back({leaf_index, leaf_index, time_ns});
}

bool MissingLists::next_uncovered(const Range& range, uint64_t* next, Range* uncovered,
                                  std::vector<uint64_t>* covered) const {
  while (*next <= range.last) {
    uint64_t end = range.last;  // of the part that begins at *next
    std::optional<size_t> cover;
    for (size_t i = 0; i < pruned_.size(); i++) {
      if (pruned_[i].first <= *next && *next <= pruned_[i].last) cover = i;
      if (pruned_[i].first > *next) end = std::min(end, pruned_[i].first - 1);
    }
    if (cover) end = std::min(end, pruned_[*cover].last);
    const uint64_t first = std::exchange(*next, end + 1);
    if (!cover) {
      *uncovered = {first, end, first == range.first ? range.time_ns : 0};
      return true;
    }
    (*covered)[*cover] += end - first + 1;
  }
  return false;
}

std::string MissingLists::name_of(const Range& range) {
  if (range.first != range.last)
    return absl::StrCat("the heads lists of the leaves ", range.first, " to ", range.last,
                        " are missing");
  const std::string name =
      range.time_ns == 0 ? "the heads list" : list_name(static_cast<int64_t>(range.time_ns));
  return absl::StrCat(name, " of leaf ", range.first, " is missing");
}

std::vector<std::string> MissingLists::problems() const {
  std::vector<std::string> lines;
  std::vector<uint64_t> covered(pruned_.size(), 0);
  for (const Range& range : ranges_) {
    uint64_t next = range.first;
    Range part;
    while (lines.size() < kLinesMax && next_uncovered(range, &next, &part, &covered))
      lines.push_back(name_of(part));
  }
  for (size_t i = 0; i < pruned_.size(); i++)
    if (covered[i] != pruned_[i].count)
      lines.push_back(absl::StrCat("of the heads lists of the leaves ", pruned_[i].first, " to ",
                                   pruned_[i].last, ", ", pruned_[i].count, " were pruned, but ",
                                   covered[i], " are missing"));
  return lines;
}

}  // namespace gatetape::auditd
