#include "log/checkpoint.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "log/fields.h"

namespace gatetape {

std::string Checkpoint::to_text() const {
  CHECK(!origin.empty() && origin.find('\n') == std::string::npos, printable(origin));
  return absl::StrCat(origin, "\n", tree.size, "\n", to_base64(view(tree.root)), "\n", extensions);
}

absl::StatusOr<Checkpoint> Checkpoint::parse(std::string_view text) {
  FieldReader reader(text);
  Checkpoint checkpoint;
  checkpoint.origin = reader.field();
  checkpoint.tree = {reader.number(), reader.hash()};
  checkpoint.extensions = reader.rest();
  reader.fail(checkpoint.origin.empty());
  while (reader.ok() && !reader.at_end()) reader.fail(reader.field().empty());
  if (!reader.at_end())
    return absl::InvalidArgumentError("not a checkpoint of origin, size and root");
  return checkpoint;
}

SignedNote sign_checkpoint(const Checkpoint& checkpoint, const NoteSigner& log) {
  SignedNote note{checkpoint.to_text(), {}};
  note.sign(log);
  return note;
}

absl::StatusOr<TrustedCheckpoint> open_checkpoint(std::string_view bytes, std::string_view origin,
                                                  absl::Span<const VerifierKey> trusted) {
  auto note = SignedNote::parse(bytes);
  if (!note.ok()) return note.status();
  auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint.ok()) return checkpoint.status();
  if (checkpoint->origin != origin)
    return absl::NotFoundError(
        absl::StrCat("the checkpoint is of the log ", printable(checkpoint->origin)));
  auto good = verify_note(*note, trusted);
  if (!good.ok()) return good.status();
  TrustedCheckpoint opened{*std::move(checkpoint), *std::move(note), {}};
  bool is_signed = false;
  for (GoodSignature& signature : *good) {
    const bool is_log = signature.key.type == NoteKeyType::kEd25519;
    is_signed = is_signed || (is_log && signature.key.name == origin);
    if (!is_log) opened.cosignatures.push_back(std::move(signature));
  }
  if (!is_signed) return absl::NotFoundError("no trusted key of the log signed the checkpoint");
  return opened;
}

}  // namespace gatetape
