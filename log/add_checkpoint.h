// AddCheckpoint: the request in which a log asks a witness for a cosignature (docs/FORMAT.md
// section 9.8; C2SP tlog-witness). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"
#include "log/note.h"

namespace gatetape {

// Largest request, in bytes: that of a checkpoint, and 64 lines. A longer one is refused.
constexpr size_t kAddCheckpointBytesMax = kNoteBytesMax + 4096;

struct AddCheckpoint {
  uint64_t old_size = 0;  // of the checkpoint that the witness cosigned last
  std::vector<Hash> proof;
  std::string checkpoint;  // the signed note

  // to_text returns the body of the request.
  std::string to_text() const;
  // parse accepts the body of a request; it does not read the checkpoint. The bytes may be hostile;
  // it fails with INVALID_ARGUMENT for any other form.
  static absl::StatusOr<AddCheckpoint> parse(std::string_view body);
};

}  // namespace gatetape
