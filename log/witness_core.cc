#include "log/witness_core.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"

namespace gatetape {
namespace {

WitnessAnswer refuse(int status, std::string_view reason) {
  WitnessAnswer answer;
  answer.status = status;
  answer.body = std::string(reason) + "\n";
  return answer;
}

// stale is the answer to a log that does not know what the witness cosigned last.
WitnessAnswer stale(uint64_t size) {
  return {409, "text/x.tlog.size", std::to_string(size) + "\n"};
}

// checkpoint_of returns the checkpoint of a note without verifying a signature.
absl::StatusOr<Checkpoint> checkpoint_of(std::string_view bytes) {
  const auto note = SignedNote::parse(bytes);
  if (!note.ok()) return note.status();
  return Checkpoint::parse(note->text);
}

}  // namespace

WitnessCore::WitnessCore(NoteSigner signer, WitnessStore& store)
    : signer_(std::move(signer)), store_(store) {
  CHECK(signer_.type == NoteKeyType::kCosignature, static_cast<int>(signer_.type));
}

void WitnessCore::trust(const VerifierKey& log) {
  CHECK(log.type == NoteKeyType::kEd25519, log.to_text());
  logs_[log.name].push_back(log);
}

absl::Status WitnessCore::restore(const std::string& origin, std::string_view note) {
  auto checkpoint = checkpoint_of(note);
  if (!checkpoint.ok()) return checkpoint.status();
  if (checkpoint->origin != origin)
    return absl::InvalidArgumentError(absl::StrCat("the checkpoint kept of ", printable(origin),
                                                   " is of ", printable(checkpoint->origin)));
  if (!newest_.emplace(origin, *std::move(checkpoint)).second)
    return absl::AlreadyExistsError(absl::StrCat(printable(origin), " has a newest checkpoint"));
  return absl::OkStatus();
}

const Checkpoint* WitnessCore::newest(const std::string& origin) const {
  const auto found = newest_.find(origin);
  return found == newest_.end() ? nullptr : &found->second;
}

WitnessAnswer WitnessCore::add_checkpoint(std::string_view body, uint64_t now_s) {
  const auto request = AddCheckpoint::parse(body);
  if (!request.ok()) return refuse(400, "the request is malformed");
  const auto checkpoint = checkpoint_of(request->checkpoint);
  if (!checkpoint.ok()) return refuse(400, "the checkpoint is malformed");
  const auto log = logs_.find(checkpoint->origin);
  if (log == logs_.end()) return refuse(404, "this witness does not know the log");
  const auto opened = open_checkpoint(request->checkpoint, checkpoint->origin, log->second);
  if (!opened.ok()) return refuse(403, "the checkpoint has no good signature of the log");
  return decide(*request, *opened, now_s);
}

WitnessAnswer WitnessCore::decide(const AddCheckpoint& request, const TrustedCheckpoint& opened,
                                  uint64_t now_s) {
  const Checkpoint& checkpoint = opened.checkpoint;
  const TreeHead& tree = checkpoint.tree;
  if (request.old_size > tree.size) return refuse(400, "the old size is above the size");
  const Checkpoint* kept = newest(checkpoint.origin);
  const TreeHead last = kept == nullptr ? TreeHead{0, empty_root()} : kept->tree;
  if (request.old_size != last.size) return stale(last.size);
  if (tree.size == 0 && tree.root != empty_root())
    return refuse(422, "a tree without leaves has another root");
  if (tree.size == last.size && tree.root != last.root)
    return refuse(409, "the log has forked: another root of this size was cosigned");
  if (!verify_consistency(last, tree, request.proof).ok())
    return refuse(422, "the consistency proof does not verify");

  SignedNote cosigned = opened.note;
  cosigned.signatures.clear();
  cosigned.sign(signer_, now_s);
  if (!store_.keep(checkpoint.origin, request.checkpoint).ok())
    return refuse(500, "the witness could not keep the checkpoint");
  newest_[checkpoint.origin] = checkpoint;
  WitnessAnswer answer;
  answer.status = 200;
  answer.body = cosigned.signatures.front().to_line();
  return answer;
}

}  // namespace gatetape
