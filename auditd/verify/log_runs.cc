#include "auditd/verify/log_runs.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"

namespace gatetape::auditd {
namespace {

// Holes of one run that are named; a run with more is beyond repair.
constexpr size_t kHolesMax = 100;
// Numbers of one run that may come before a smaller one. More are counted as they are, so that a
// recorder that lies does not fill the memory; the hole before them is reported at once.
constexpr size_t kEarlyMax = 100'000;

std::string name_of(const std::pair<std::string, std::string>& run) {
  return absl::StrCat("run ", to_hex(run.second), " of recorder ", run.first);
}

}  // namespace

std::vector<std::string> missing_ranges(uint64_t next, const std::set<uint64_t>& present,
                                        size_t most) {
  std::vector<std::string> ranges;
  for (const uint64_t number : present) {
    if (number > next && ranges.size() < most)
      ranges.push_back(number == next + 1 ? absl::StrCat(next)
                                          : absl::StrCat(next, "-", number - 1));
    next = number + 1;
  }
  return ranges;
}

std::string LogRuns::add(const std::string& signer, const HeadsEntry& heads) {
  const auto name = std::make_pair(signer, heads.run);
  Run& run = runs_[name];
  const uint64_t n = heads.n;
  if (n < run.next || !run.early.insert(n).second)
    return absl::StrCat("has number ", n, " of ", name_of(name), ", which an entry before has");
  std::string problem;
  if (run.early.size() > kEarlyMax) {
    problem = absl::StrCat("comes after a hole: list ", run.next, " of ", name_of(name),
                           " is not in the log");
    run.next = *run.early.begin();
  }
  while (!run.early.empty() && *run.early.begin() == run.next) {
    run.early.erase(run.early.begin());
    run.next++;
  }
  return problem;
}

std::vector<std::string> LogRuns::holes() const {
  std::vector<std::string> lines;
  for (const auto& [name, run] : runs_)
    for (const std::string& range : missing_ranges(run.next, run.early, kHolesMax))
      lines.push_back(absl::StrCat("heads list ", range, " of ", name_of(name),
                                   " is not in the log, although a later one is"));
  return lines;
}

}  // namespace gatetape::auditd
