#include "auditd/verify/logged_session.h"

#include "absl/strings/str_cat.h"
#include "base/clock.h"

namespace gatetape::auditd {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
// The id of a session is minted shortly before its first frame is made.
constexpr int64_t kMintAllowanceNs = 10'000'000'000;

std::optional<Problem> problem(std::string what) { return Problem{0, std::move(what)}; }

// is_older_than_log returns true for a session that began before the first heads entry, so that no
// list needs to name it. Its id and its first frame tell when it began.
bool is_older_than_log(const StoredState& stored, std::optional<int64_t> log_began_ns) {
  return !log_began_ns || (stored.session.unix_ms() < *log_began_ns / kNsPerMs &&
                           stored.started_at_ns < *log_began_ns + kMintAllowanceNs);
}

}  // namespace

std::string list_name(int64_t at_ns) { return "the heads list of " + format_utc(at_ns); }

std::vector<KnownRoot> known_roots(const LoggedSession& logged) {
  std::vector<KnownRoot> roots;
  for (const auto* line : {&logged.open, &logged.newest, &logged.close})
    if (*line)
      roots.push_back(
          {(*line)->line.head.size, (*line)->line.head.root, list_name((*line)->at_ns)});
  return roots;
}

std::optional<Problem> check_logged(const LoggedSession& logged, const StoredState& stored,
                                    std::optional<int64_t> log_began_ns) {
  if (!logged.problem.empty()) return problem(logged.problem);
  if (!logged.open && !is_older_than_log(stored, log_began_ns))
    return problem(
        "no heads list of the log has its open line: it was not recorded by a registered recorder");
  const bool is_in_log = logged.open || logged.newest || logged.close;
  if (logged.close && !stored.has_head)
    return problem(absl::StrCat(list_name(logged.close->at_ns),
                                " has its close line, but its signed head is missing"));
  if (logged.close && logged.close->line.head.size != stored.frames)
    return problem(absl::StrCat(list_name(logged.close->at_ns), " closed it with ",
                                logged.close->line.head.size, " frames, but it has ",
                                stored.frames));
  if (is_in_log && stored.has_head && !logged.close)
    return problem("it has a signed head, but no heads list of the log has its close line");
  return std::nullopt;
}

std::optional<Problem> not_stored(const LoggedSession& logged) {
  if (!logged.problem.empty()) return problem(logged.problem);
  const auto& line = logged.open ? logged.open : logged.newest ? logged.newest : logged.close;
  if (!line) return std::nullopt;
  return problem(absl::StrCat("it is not stored, but the log has its ",
                              logged.open ? "open line" : "line", " of ", format_utc(line->at_ns)));
}

}  // namespace gatetape::auditd
