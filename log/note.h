// SignedNote: a text with signature lines (docs/FORMAT.md section 9.4; C2SP signed-note). A parsed
// note is not a trusted one: the text means nothing before verify_note. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "log/vkey.h"

namespace gatetape {

// Largest size of a note, in bytes. A longer one is refused. C2SP asks for at least 16 signatures,
// of which a post-quantum one has up to 5 kB.
constexpr size_t kNoteBytesMax = size_t{128} << 10;
// Most signature lines of a note. A note with more is refused, so that hostile bytes cause few
// verifications.
constexpr size_t kNoteSignaturesMax = 64;

struct NoteSignature {
  std::string name;      // of the key
  std::string key_hash;  // 4 bytes
  std::string bytes;     // of the type of the key; not empty

  // to_line returns the signature line with its line end.
  std::string to_line() const;
  bool is_of(const VerifierKey& key) const { return name == key.name && key_hash == key.hash(); }
};

struct SignedNote {
  std::string text;  // its lines, each with its line end
  std::vector<NoteSignature> signatures;

  // parse accepts a whole note. The bytes may be hostile; it fails with INVALID_ARGUMENT for any
  // other form.
  static absl::StatusOr<SignedNote> parse(std::string_view bytes);
  // to_text returns the note. A text that no note can hold fails a CHECK.
  std::string to_text() const;
  // sign appends the signature of `signer`.
  void sign(const NoteSigner& signer, uint64_t time_s = 0);
};

// GoodSignature is a signature of a trusted key that verified.
struct GoodSignature {
  VerifierKey key;
  uint64_t time_s = 0;  // Unix time of a cosignature; 0 for other types
};

// verify_note returns the good signatures of the trusted keys, in the order of the note, at least
// one. It ignores signatures of other keys. It fails with DATA_LOSS when a signature of a trusted
// key does not verify, and with NOT_FOUND when no signature is of a trusted key.
absl::StatusOr<std::vector<GoodSignature>> verify_note(const SignedNote& note,
                                                       absl::Span<const VerifierKey> trusted);

// parse_signature_lines accepts signature lines alone, at least one: the answer of a witness. It
// fails with INVALID_ARGUMENT for any other form.
absl::StatusOr<std::vector<NoteSignature>> parse_signature_lines(std::string_view lines);

}  // namespace gatetape
