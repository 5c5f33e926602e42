// The signed parts of a bundle: the head of the session, entries of the log, and lines of heads
// lists, each with what proves it (docs/FORMAT.md section 10.4). A parsed part is not a trusted
// one. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"
#include "log/entry.h"
#include "log/heads_list.h"
#include "record/head.h"

namespace gatetape {

// SignedHead is the head of a session with the signatures of its writer and its recorder.
struct SignedHead {
  SessionHead head;
  PublicKey writer;
  std::string writer_signature;  // 64 bytes
  PublicKey recorder;
  std::string recorder_signature;  // 64 bytes

  std::string to_text() const;
  // Each parse of this file accepts only the text that to_text returns. The bytes may be hostile.
  // It fails with INVALID_ARGUMENT for any other text.
  static absl::StatusOr<SignedHead> parse(std::string_view text);
};

// BundleEntry is an entry of the log with the proof that it is there. A bundle has entries of heads
// lists and of keys.
struct BundleEntry {
  uint64_t index = 0;  // of the leaf; it is not in the text
  std::vector<Hash> proof;
  std::string text;  // of the entry
  LogEntry entry;    // parsed from `text`

  // of returns an entry. A text that is no entry fails a CHECK.
  static BundleEntry of(uint64_t index, std::string text, std::vector<Hash> proof);
  std::string to_text() const;
  static absl::StatusOr<BundleEntry> parse(uint64_t index, std::string_view text);
  // heads returns the heads list of an entry of that type, or nullptr.
  const HeadsEntry* heads() const { return std::get_if<HeadsEntry>(&entry.body); }
  const KeyEntry* key() const { return std::get_if<KeyEntry>(&entry.body); }
};

// BundleLine is a line of a heads list with the proof that the list has it.
struct BundleLine {
  uint64_t leaf_index = 0;  // of the entry of the list
  uint64_t index = 0;       // of the line in the list
  HeadsLine line;
  std::vector<Hash> proof;

  std::string to_text() const;
  static absl::StatusOr<BundleLine> parse(std::string_view text);
  // member_name returns `lines/` and the word of the line.
  std::string member_name() const;
};

}  // namespace gatetape
