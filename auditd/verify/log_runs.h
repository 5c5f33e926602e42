// LogRuns: the heads entries of each run of a recorder are numbered 1, 2, 3 ... (docs/FORMAT.md
// section 9.1), so that a list that is missing is a hole. Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "log/entry.h"

namespace gatetape::auditd {

class LogRuns {
 public:
  // add takes the next heads entry in the order of the log. It returns what is wrong; an empty text
  // when nothing is. A number may come before a smaller one, because the sequencer orders by time.
  std::string add(const std::string& signer, const HeadsEntry& heads);
  // holes returns one line for each range of numbers that did not come, although a later one did.
  // At most kHolesMax lines of each run are returned.
  std::vector<std::string> holes() const;

 private:
  struct Run {
    uint64_t next = 1;         // all smaller numbers came
    std::set<uint64_t> early;  // larger ones that came
  };
  std::map<std::pair<std::string, std::string>, Run> runs_;  // by signer and run
};

// number_ranges returns the numbers from `next` on that are not in `present`, up to its largest
// one: "3", "5-7". At most `most` of them.
std::vector<std::string> missing_ranges(uint64_t next, const std::set<uint64_t>& present,
                                        size_t most);

}  // namespace gatetape::auditd
