#include "log/tlog_proof.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "log/fields.h"
#include "log/proof.h"

namespace gatetape {
namespace {

constexpr char kFirstLine[] = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";

absl::Status malformed() { return absl::InvalidArgumentError("not a proof of C2SP tlog-proof"); }

}  // namespace

std::string TlogProof::to_text() const {
  CHECK(hashes.size() <= kProofHashesMax, hashes.size());
  std::string text = absl::StrCat(kFirstLine, "\n");
  if (extra) text += std::string(kExtra) + to_base64(*extra) + "\n";
  text += std::string(kIndex) + std::to_string(index) + "\n";
  for (const Hash& hash : hashes) text += to_base64(view(hash)) + "\n";
  return text + "\n" + checkpoint;
}

absl::StatusOr<TlogProof> TlogProof::parse(std::string_view text) {
  if (text.size() > kTlogProofBytesMax) return malformed();
  FieldReader reader(text);
  TlogProof proof;
  reader.expect(kFirstLine);
  std::string_view line = reader.field();
  if (line.starts_with(kExtra)) {
    proof.extra.emplace();
    reader.fail(!from_base64(line.substr(kExtra.size()), &*proof.extra));
    line = reader.field();
  }
  reader.fail(!line.starts_with(kIndex) ||
              !parse_decimal(line.substr(kIndex.size()), &proof.index));
  proof.hashes = reader.hashes();
  if (!reader.ok()) return malformed();
  proof.checkpoint = reader.rest();
  return proof;
}

absl::StatusOr<TrustedCheckpoint> TlogProof::verify(std::string_view entry, std::string_view origin,
                                                    absl::Span<const VerifierKey> trusted) const {
  auto opened = open_checkpoint(checkpoint, origin, trusted);
  if (!opened.ok()) return opened;
  const auto included =
      verify_inclusion(merkle_leaf(entry), index, opened->checkpoint.tree, hashes);
  if (!included.ok()) return included;
  return opened;
}

}  // namespace gatetape
