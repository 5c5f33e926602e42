#include "tools/cli/mirror_round.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace gatetape::tools {
namespace {

// A log that grows while it is read may remove partial tiles of the checkpoint that was read.
constexpr int kAttempts = 3;

absl::StatusOr<TrustedCheckpoint> open_published(const std::string& text, const TrustedKeys& keys) {
  absl::StatusOr<TrustedCheckpoint> opened = open_checkpoint(text, keys.origin, keys.keys);
  if (absl::IsInvalidArgument(opened.status()))
    return absl::UnavailableError("what is published is no checkpoint");
  if (absl::IsNotFound(opened.status()))
    return absl::DataLossError(absl::StrCat("the published checkpoint is not signed by the key of ",
                                            keys.origin, ": compare the key with its owner"));
  return opened;
}

// open_kept returns the newest checkpoint of the folder, or nothing in the first round. Its
// signatures are verified again, so that a damaged file is not the base of a verdict.
absl::StatusOr<std::optional<TrustedCheckpoint>> open_kept(const MirrorFolder& folder,
                                                           const TrustedKeys& keys) {
  const auto text = folder.newest();
  if (!text.ok()) return text.status();
  if (!text->has_value()) return std::optional<TrustedCheckpoint>();
  auto opened = open_checkpoint(**text, keys.origin, keys.keys);
  if (opened.ok()) return std::optional<TrustedCheckpoint>(*std::move(opened));
  return absl::FailedPreconditionError(absl::StrCat(
      folder.path("newest"), " is no checkpoint of these keys (",
      std::string(opened.status().message()),
      "): give the keys with which it was signed, or copy the newest file of days/ over it"));
}

absl::StatusOr<MirrorRound> compare(MirrorSource& source, const TrustedKeys& keys,
                                    std::optional<TrustedCheckpoint> kept) {
  absl::StatusOr<MirrorFinding> finding;
  MirrorRound round{{}, {}, std::move(kept)};
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    const absl::StatusOr<std::string> text = source.checkpoint();
    if (!text.ok()) return text.status();
    absl::StatusOr<TrustedCheckpoint> found = open_published(*text, keys);
    if (!found.ok()) return found.status();
    round.found = *std::move(found);
    finding = judge_checkpoint(round.kept ? &round.kept->checkpoint : nullptr,
                               round.found.checkpoint, source);
    if (!absl::IsNotFound(finding.status())) break;
  }
  if (!finding.ok())
    return absl::UnavailableError(
        absl::StrCat("a tile cannot be read: ", std::string(finding.status().message())));
  round.finding = *std::move(finding);
  return round;
}

absl::Status keep(const MirrorRound& round, const MirrorFolder& folder, const std::string& day) {
  const std::string text = round.found.note.to_text();
  if (!is_good(round.finding.verdict)) return folder.keep_fork(round.kept->note.to_text(), text);
  // The same tree may have more cosignatures now.
  const bool is_newer = round.finding.verdict != MirrorVerdict::kSame ||
                        round.found.cosignatures.size() > round.kept->cosignatures.size();
  const absl::Status status = is_newer ? folder.keep(text) : absl::OkStatus();
  return status.ok() ? folder.keep_day(day, text) : status;
}

}  // namespace

absl::StatusOr<MirrorRound> mirror_round(MirrorSource& source, const MirrorFolder& folder,
                                         const TrustedKeys& keys, const std::string& day) {
  if (folder.has_fork())
    return absl::DataLossError(absl::StrCat(folder.path("fork-1"),
                                            " and fork-2 contradict each other since an earlier "
                                            "round: report both, and move them away to go on"));
  auto kept = open_kept(folder, keys);
  if (!kept.ok()) return kept.status();
  auto round = compare(source, keys, *std::move(kept));
  if (!round.ok()) return round.status();
  const absl::Status status = keep(*round, folder, day);
  if (!status.ok()) return status;
  return round;
}

}  // namespace gatetape::tools
