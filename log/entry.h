// LogEntry: a leaf of the log, a signed text of at most 300 bytes (docs/FORMAT.md section 9.1). No
// entry names a person, a target or an address, because the log outlives an erasure. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "base/crypto.h"
#include "record/session_id.h"

namespace gatetape {

// Largest size of an entry, in bytes. A longer text is refused: the log is kept for ever.
constexpr size_t kLogEntryBytesMax = 300;
// Size of the random id of a run of a recorder, in bytes.
constexpr size_t kRunBytes = 16;

// HeadsEntry is a heads list of a recorder, which log/heads_list.h describes.
struct HeadsEntry {
  std::string run;       // kRunBytes random bytes, which the recorder drew for this run
  uint64_t n = 0;        // 1, 2, 3 ... within the run
  uint64_t time_ns = 0;  // Unix time
  uint64_t count = 0;    // lines of the list
  Hash root{};           // of the lines
};

// KeyEntry registers or retires a key.
struct KeyEntry {
  enum class Action { kRegister, kRetire };
  Action action = Action::kRegister;
  std::string role;  // "gateway", "recorder", "auditd", "keeper", "portal" or "log"
  PublicKey key;
  uint64_t time_ns = 0;  // Unix time
};

// StartEntry is the start of a sequencer.
struct StartEntry {
  uint64_t epoch = 0;    // from 1, and greater than every epoch before
  uint64_t time_ns = 0;  // Unix time
};

// ErasedEntry says that content of a session was erased, as a frame of kind erased describes.
struct ErasedEntry {
  SessionId session;     // the session and ...
  uint64_t seq = 0;      // ... the number of that frame
  Hash leaf{};           // the leaf of that frame
  uint64_t time_ns = 0;  // Unix time
};

// PrunedEntry says that heads lists of live sessions were removed.
struct PrunedEntry {
  uint64_t first = 0;    // leaf indexes of the entries of the lists: the first ...
  uint64_t last = 0;     // ... and the last one
  uint64_t count = 0;    // lists that were removed
  uint64_t time_ns = 0;  // Unix time
};

struct LogEntry {
  using Body = std::variant<HeadsEntry, KeyEntry, StartEntry, ErasedEntry, PrunedEntry>;
  Body body;
  std::string signer;     // id of the key that signed
  std::string signature;  // 64 bytes

  // signed_by returns the entry of `body` with the signature of `key`.
  static LogEntry signed_by(const SigningKey& key, Body body);
  // verify returns true when `key` is the signer and its signature is good. Whether that key may
  // sign such an entry is decided by the `key` entries before it.
  bool verify(const PublicKey& key) const;
  // signed_text returns the lines that are signed.
  std::string signed_text() const;
  // to_text returns the entry. An entry over kLogEntryBytesMax fails a CHECK.
  std::string to_text() const;
  // parse accepts the text of an entry, which may be hostile. It fails with UNIMPLEMENTED when the
  // entry has a type that this version does not know: its leaf can be verified all the same. It
  // fails with INVALID_ARGUMENT for any other form.
  static absl::StatusOr<LogEntry> parse(std::string_view text);
};

}  // namespace gatetape
