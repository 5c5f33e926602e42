#include "log/note.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "log/fields.h"

namespace gatetape {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // U+2014 and a space
constexpr size_t kKeyHashBytes = 4;

// is_note_text returns true for UTF-8 without control characters whose last line ends.
bool is_note_text(std::string_view text) {
  auto is_allowed = [](char c) { return static_cast<uint8_t>(c) >= 0x20 || c == '\n'; };
  return text.ends_with('\n') && std::all_of(text.begin(), text.end(), is_allowed) && is_utf8(text);
}

absl::Status malformed(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("not a signed note: ", what));
}

// parse_line parses a signature line without its line end. It returns false for any other text.
bool parse_line(std::string_view line, NoteSignature* signature) {
  if (!line.starts_with(kDash)) return false;
  line.remove_prefix(kDash.size());
  const size_t space = line.find(' ');
  std::string bytes;
  if (space == std::string_view::npos || !is_key_name(line.substr(0, space)) ||
      !from_base64(line.substr(space + 1), &bytes) || bytes.size() <= kKeyHashBytes)
    return false;
  *signature = {std::string(line.substr(0, space)), bytes.substr(0, kKeyHashBytes),
                bytes.substr(kKeyHashBytes)};
  return true;
}

}  // namespace

std::string NoteSignature::to_line() const {
  return std::string(kDash) + name + " " + to_base64(key_hash + bytes) + "\n";
}

absl::StatusOr<std::vector<NoteSignature>> parse_signature_lines(std::string_view lines) {
  if (lines.size() > kNoteBytesMax) return malformed("it is too long");
  std::vector<NoteSignature> signatures;
  FieldReader reader(lines);
  while (!reader.at_end()) {
    NoteSignature signature;
    if (!parse_line(reader.field(), &signature)) return malformed("a signature line is malformed");
    if (signatures.size() == kNoteSignaturesMax) return malformed("it has too many signatures");
    signatures.push_back(signature);
  }
  if (signatures.empty()) return malformed("it has no signature");
  return signatures;
}

absl::StatusOr<SignedNote> SignedNote::parse(std::string_view bytes) {
  if (bytes.size() > kNoteBytesMax) return malformed("it is too long");
  if (!is_note_text(bytes)) return malformed("it is not lines of UTF-8");
  const size_t empty_line = bytes.rfind("\n\n");
  if (empty_line == std::string_view::npos) return malformed("it has no empty line");
  auto signatures = parse_signature_lines(bytes.substr(empty_line + 2));
  if (!signatures.ok()) return signatures.status();
  return SignedNote{std::string(bytes.substr(0, empty_line + 1)), *std::move(signatures)};
}

std::string SignedNote::to_text() const {
  CHECK(is_note_text(text), text.size());
  std::string note = text + "\n";
  for (const NoteSignature& signature : signatures) note += signature.to_line();
  CHECK(note.size() <= kNoteBytesMax, note.size());
  return note;
}

void SignedNote::sign(const NoteSigner& signer, uint64_t time_s) {
  CHECK(signatures.size() < kNoteSignaturesMax, signatures.size());
  signatures.push_back({signer.name, signer.verifier_key().hash(), signer.sign(text, time_s)});
}

absl::StatusOr<std::vector<GoodSignature>> verify_note(const SignedNote& note,
                                                       absl::Span<const VerifierKey> trusted) {
  std::vector<GoodSignature> good;
  for (const NoteSignature& signature : note.signatures) {
    for (const VerifierKey& key : trusted) {
      if (!signature.is_of(key)) continue;
      if (!key.verify(note.text, signature.bytes))
        return absl::DataLossError(
            absl::StrCat("the signature of ", printable(key.name), " does not verify"));
      GoodSignature found{key};
      if (key.type == NoteKeyType::kCosignature) cosignature_time(signature.bytes, &found.time_s);
      good.push_back(found);
    }
  }
  if (good.empty()) return absl::NotFoundError("no signature is of a trusted key");
  return good;
}

}  // namespace gatetape
