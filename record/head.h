// SessionHead: what gateway and recorder sign when a session closes (docs/FORMAT.md section 5).
// Pure; any thread.
#pragma once

#include <string>

#include "base/crypto.h"
#include "record/session_id.h"

namespace gatetape {

struct SessionHead {
  SessionId session;
  uint64_t size = 0;
  Hash root{};

  // signed_text gives the bytes that are signed: one line each for origin, session, size, root.
  std::string signed_text() const;
};

}  // namespace gatetape
