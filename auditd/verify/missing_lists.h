// MissingLists: the heads lists that are not stored, and the `pruned` entries that allow it
// (docs/FORMAT.md section 9.1). Pure; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "log/entry.h"

namespace gatetape::auditd {

class MissingLists {
 public:
  // missing notes that the list of the entry at a leaf index is not stored. Indexes only grow.
  void missing(uint64_t leaf_index, uint64_t time_ns);
  void pruned(const PrunedEntry& entry) { pruned_.push_back(entry); }
  // problems returns a line for each range of lists that are missing and that no entry covers, and
  // for each `pruned` entry that covers another number of missing lists than it says.
  std::vector<std::string> problems() const;

 private:
  // Range is a run of missing lists with no stored one between. So the memory grows with the lists
  // of open and close lines that stay between pruned ones, 24 bytes for each.
  struct Range {
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t time_ns = 0;  // of the first; 0 = unknown
  };
  static std::string name_of(const Range& range);
  // next_uncovered goes through the lists of `range` from leaf `*next` on. It counts those that an
  // entry covers in `covered`, and stops behind the first part that none covers. It returns false
  // at the end of the range.
  bool next_uncovered(const Range& range, uint64_t* next, Range* uncovered,
                      std::vector<uint64_t>* covered) const;
  std::vector<Range> ranges_;
  std::vector<PrunedEntry> pruned_;
};

}  // namespace gatetape::auditd
