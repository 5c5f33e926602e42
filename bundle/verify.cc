#include "bundle/verify.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "bundle/judge_frames.h"
#include "bundle/judge_log.h"
#include "bundle/member_name.h"

namespace gatetape {
namespace {

Finding judge_claims(const OpenedBundle& bundle) {
  size_t views = 0;
  for (const Member& member : bundle.manifest.members)
    if (member.name.starts_with(kViewsFolder)) views++;
  return unknown(absl::StrCat(views, " members below ", kViewsFolder,
                              " are claims of whoever made the bundle, which nothing here proves"));
}

constexpr std::array kNames = {"INTEGRITY", "COMPLETENESS", "EXISTENCE", "NOT-AFTER",
                               "SIGNERS",   "REDACTIONS",   "CLAIMS"};

BundleReport report_of(std::array<Finding, kNames.size()> findings) {
  BundleReport report;
  for (size_t i = 0; i < kNames.size(); i++)
    report.verdicts.push_back({kNames[i], findings[i].judgement, printable(findings[i].reason)});
  return report;
}

}  // namespace

std::string BundleVerdict::to_line() const {
  return absl::StrCat(name, " ", judgement_word(judgement), "  ", reason);
}

bool BundleReport::is_proven() const {
  constexpr size_t kMustBeGood = 3;  // INTEGRITY, COMPLETENESS and EXISTENCE come first
  for (size_t i = 0; i < verdicts.size(); i++) {
    if (verdicts[i].judgement == Judgement::kBad) return false;
    if (i < kMustBeGood && verdicts[i].judgement != Judgement::kGood) return false;
  }
  return true;
}

BundleReport judge(const OpenedBundle& bundle, const BundleKeys& keys) {
  const KeyHistory history(keys, bundle.checkpoint.origin, bundle.entries);
  const LogFacts log = judge_existence(bundle, history, keys);
  return report_of({judge_integrity(bundle), judge_completeness(bundle), log.existence,
                    judge_not_after(log), judge_signers(bundle, history, log.existence),
                    judge_redactions(bundle), judge_claims(bundle)});
}

absl::StatusOr<BundleReport> verify_bundle(const ReadAt& source, const BundleKeys& keys) {
  const auto bundle = open_bundle(source);
  if (bundle.ok()) return judge(*bundle, keys);
  if (!absl::IsInvalidArgument(bundle.status())) return bundle.status();
  std::array<Finding, kNames.size()> findings;
  findings.fill(unknown("not examined, because the file is malformed"));
  findings[0] = bad(std::string(bundle.status().message()));
  return report_of(findings);
}

}  // namespace gatetape
