// AgeWriter: writes an age v1 file for one X25519 recipient (age-encryption.org/v1), which the
// program `age` decrypts. Pure except for randomness; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape {

// parse_age_recipient returns the public key, 32 bytes, of a recipient `age1...` (BIP 173 bech32).
// It fails with INVALID_ARGUMENT for any other text.
absl::StatusOr<std::string> parse_age_recipient(std::string_view text);

class AgeWriter {
 public:
  using Sink = std::function<absl::Status(std::string_view bytes)>;
  // create writes the header to `sink`. It fails with INVALID_ARGUMENT for a weak key, and as the
  // sink does.
  static absl::StatusOr<AgeWriter> create(std::string_view public_key, Sink sink);

  // add encrypts the next bytes.
  absl::Status add(std::string_view bytes);
  // finish writes the last chunk. Nothing may follow.
  absl::Status finish();

 private:
  AgeWriter(std::string payload_key, Sink sink)
      : payload_key_(std::move(payload_key)), sink_(std::move(sink)) {}
  absl::Status write_chunk(std::string_view plain, bool is_last);

  std::string payload_key_;
  Sink sink_;
  std::string chunk_;    // what is not encrypted yet, at most one chunk
  uint64_t chunks_ = 0;  // written so far
};

}  // namespace gatetape
