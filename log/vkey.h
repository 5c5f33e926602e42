// VerifierKey: a public key that verifies signatures of notes, in its form of one line
// (docs/FORMAT.md section 9.4; C2SP signed-note and tlog-cosignature). NoteSigner is its
// counterpart with the private key. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/crypto.h"

namespace gatetape {

// NoteKeyType is the byte that says what a key signs. Other types of C2SP are not supported.
enum class NoteKeyType : uint8_t {
  kEd25519 = 0x01,      // the text of the note
  kCosignature = 0x04,  // a time, and the text of the note
};

// is_key_name returns true for UTF-8 that is not empty and has neither a plus sign, nor a space of
// Unicode, nor a control character.
bool is_key_name(std::string_view name);

struct VerifierKey {
  std::string name;
  NoteKeyType type = NoteKeyType::kEd25519;
  PublicKey key;

  // hash returns the 4 bytes by which a signature line names this key.
  std::string hash() const;
  // to_text returns the line of the key, without a line end.
  std::string to_text() const;
  // from_text parses the line that to_text returns. The bytes may be hostile; it fails with
  // INVALID_ARGUMENT for any other text.
  static absl::StatusOr<VerifierKey> from_text(std::string_view line);
  // verify returns true when `signature`, without the key hash, is this key's signature of `text`.
  bool verify(std::string_view text, std::string_view signature) const;

  bool operator==(const VerifierKey& other) const {
    return name == other.name && type == other.type && key.raw == other.key.raw;
  }
};

// cosignature_time reads the Unix time in seconds out of a signature of type kCosignature. It
// returns false when the signature has another size, or a time above 2^63 - 1.
bool cosignature_time(std::string_view signature, uint64_t* time_s);

// NoteSigner signs notes. It borrows nothing: copies of a SigningKey share one key.
struct NoteSigner {
  std::string name;
  NoteKeyType type = NoteKeyType::kEd25519;
  SigningKey key;

  VerifierKey verifier_key() const { return {name, type, key.public_key()}; }
  // sign returns the signature of `text`, without the key hash. `time_s` is part of a cosignature,
  // and unused otherwise. A time above 2^63 - 1 fails a CHECK.
  std::string sign(std::string_view text, uint64_t time_s = 0) const;
};

}  // namespace gatetape
