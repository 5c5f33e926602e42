#include "bundle/judge_log.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/bytes.h"

namespace gatetape {
namespace {

// proof_problem returns what is wrong with a proof, or an empty text.
std::string proof_problem(const OpenedBundle& bundle) {
  for (const BundleEntry& entry : bundle.entries)
    if (!verify_inclusion(merkle_leaf(entry.text), entry.index, bundle.checkpoint.tree, entry.proof)
             .ok())
      return absl::StrCat("the entry with the leaf index ", entry.index,
                          " is not in the tree of the checkpoint");
  for (const BundleLine& line : bundle.lines) {
    const HeadsEntry& heads = *bundle.entry(line).heads();
    if (!verify_inclusion(merkle_leaf(line.line.to_text()), line.index, {heads.count, heads.root},
                          line.proof)
             .ok())
      return absl::StrCat("the line `", line.line.to_text(), "` is not in the heads list with the ",
                          "leaf index ", line.leaf_index);
  }
  return {};
}

std::string time_text(uint64_t time_s) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(static_cast<int64_t>(time_s)),
                          absl::UTCTimeZone());
}

// is_writer returns true when the key may write sessions of this kind.
bool is_writer(const KeyHistory& history, const PublicKey& key, FrameKind first, uint64_t index) {
  if (history.is_registered(key, "gateway", index)) return true;
  if (first == FrameKind::kSessionOpen) return false;
  constexpr std::array kDaemons = {"auditd", "keeper", "portal"};
  return std::any_of(kDaemons.begin(), kDaemons.end(),
                     [&](const char* role) { return history.is_registered(key, role, index); });
}

// head_problem returns what is wrong with the keys of the head, or an empty text.
std::string head_problem(const OpenedBundle& bundle, const KeyHistory& history) {
  const BundleLine* close = bundle.line(HeadsLine::State::kClose);
  if (!bundle.head || close == nullptr) return {};
  const auto problem = [](const char* who, const PublicKey& key) {
    return absl::StrCat("the ", who, "'s key ", key.id(),
                        " of the head was not registered when the session ended");
  };
  if (!history.is_registered(bundle.head->recorder, "recorder", close->leaf_index))
    return problem("recorder", bundle.head->recorder);
  if (!is_writer(history, bundle.head->writer, bundle.frames.first_kind, close->leaf_index))
    return problem("writer", bundle.head->writer);
  return {};
}

}  // namespace

LogFacts judge_existence(const OpenedBundle& bundle, const KeyHistory& history,
                         const BundleKeys& keys) {
  std::vector<VerifierKey> trusted = history.log_keys();
  trusted.insert(trusted.end(), keys.witnesses.begin(), keys.witnesses.end());
  auto signatures = verify_note(bundle.note, trusted);
  if (absl::IsDataLoss(signatures.status()))
    return {bad(absl::StrCat("the checkpoint: ", absl::string_view(signatures.status().message()))),
            {}};
  if (std::string problem = proof_problem(bundle); !problem.empty())
    return {bad(std::move(problem)), {}};
  LogFacts facts;
  bool is_signed = false;
  for (const GoodSignature& signature :
       signatures.ok() ? *signatures : std::vector<GoodSignature>())
    if (signature.key.type == NoteKeyType::kCosignature)
      facts.cosignatures.push_back(signature);
    else
      is_signed = true;
  const std::string origin = printable(bundle.checkpoint.origin);
  if (!is_signed)
    facts.existence = unknown(
        absl::StrCat("the checkpoint of ", origin, " is not signed by a log key that was given"));
  else if (bundle.lines.empty())
    facts.existence = unknown("no heads list of the log names the session");
  else
    facts.existence = good(
        absl::StrCat("the log ", origin, " of ", bundle.checkpoint.tree.size, " entries has it"));
  return facts;
}

Finding judge_not_after(const LogFacts& log) {
  if (log.existence.judgement != Judgement::kGood) return unknown("EXISTENCE is not GOOD");
  if (log.cosignatures.empty()) return unknown("no witness that was given cosigned the checkpoint");
  const auto earlier = [](const GoodSignature& a, const GoodSignature& b) {
    return a.time_s < b.time_s;
  };
  const auto first = std::min_element(log.cosignatures.begin(), log.cosignatures.end(), earlier);
  return good(absl::StrCat("it existed at ", time_text(first->time_s), ", when the witness ",
                           printable(first->key.name), " cosigned it"));
}

Finding judge_signers(const OpenedBundle& bundle, const KeyHistory& history,
                      const Finding& existence) {
  if (bundle.head) {
    const std::string text = bundle.head->head.signed_text();
    if (!bundle.head->writer.verify(text, bundle.head->writer_signature) ||
        !bundle.head->recorder.verify(text, bundle.head->recorder_signature))
      return bad("a signature of the head does not verify");
  }
  if (existence.judgement != Judgement::kGood) return unknown("EXISTENCE is not GOOD");
  if (!history.problem().empty()) return bad(history.problem());
  for (const BundleEntry& entry : bundle.entries)
    if (entry.heads() != nullptr && !history.is_signed(entry))
      return bad(
          absl::StrCat("no recorder that was registered signed the heads list with the leaf ",
                       "index ", entry.index));
  if (std::string problem = head_problem(bundle, history); !problem.empty())
    return bad(std::move(problem));
  if (bundle.head && bundle.line(HeadsLine::State::kClose) == nullptr)
    return unknown("the log does not say when the head was signed");
  return good("each key was registered in the log before it signed");
}

}  // namespace gatetape
