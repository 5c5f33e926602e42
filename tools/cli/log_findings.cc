#include "tools/cli/log_findings.h"

#include "absl/strings/str_format.h"

namespace gatetape::tools {
namespace {

// An entry waits about a second. Above this lag, in seconds, the log does not grow as it should.
constexpr double kLagMaxS = 10;

LogFinding not_sequencing(const audit::v1::LogHealth& health) {
  const std::string& state = health.sequencer();
  if (state == "off")
    return {.what = "this auditd does not sequence the log: " + health.reason(),
            .advice = "set log_database and log_key under [auditd] of one auditd at least",
            .is_failure = false};
  if (state == "waiting")
    return {.what = "this auditd does not sequence the log: " + health.reason(),
            .advice = "nothing, when another auditd works on this database",
            .is_failure = false};
  if (health.rolled_back())
    return {.what = "the log is not sequenced: " + health.reason(),
            .advice = "see \"Restoring the database\" in OPERATIONS.md"};
  if (state == "refusing")
    return {.what = "the log is not sequenced: " + health.reason(),
            .advice = "run `gatetape verify --all`; somebody has changed the tables of the log"};
  return {.what = "the log is not sequenced: " + health.reason(),
          .advice = "may auditd connect to log_database as gatetape_sealer?"};
}

}  // namespace

std::vector<LogFinding> log_findings(const audit::v1::LogHealth& health) {
  std::vector<LogFinding> findings;
  if (health.sequencer() != "sequencing") findings.push_back(not_sequencing(health));
  if (health.lag_s() > kLagMaxS)
    findings.push_back({.what = absl::StrFormat("the log is %.0f s behind", health.lag_s()),
                        .advice = "start an auditd that sequences; sessions go on meanwhile"});
  if (health.refused_entries() > 0)
    findings.push_back(
        {.what = absl::StrFormat("%d entries of the log were refused", health.refused_entries()),
         .advice = "see log_entry_refused in auditd's log: a recorder is missing in "
                   "recorder_keys, or somebody has forged entries"});
  if (!health.publishing().empty())
    findings.push_back({.what = "the log is not published: " + health.publishing(),
                        .advice = "auditd must be able to write [log] publish_dir"});
  for (const audit::v1::WitnessHealth& witness : health.witnesses()) {
    if (witness.refuses())
      findings.push_back(
          {.what = "witness " + witness.name() + " refuses the log: " + witness.detail(),
           .advice = "it has seen another history: compare its checkpoint with `gatetape log`"});
    else if (!witness.ok())
      findings.push_back({.what = "witness " + witness.name() + ": " + witness.detail(),
                          .advice = "check that it runs and can be reached",
                          .is_failure = false});
  }
  return findings;
}

}  // namespace gatetape::tools
