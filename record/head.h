// SessionHead: the size and root of a session, which gateway and recorder sign when the session
// ends (docs/FORMAT.md section 5). Pure; any thread.
#pragma once

#include <string>

#include "base/crypto.h"
#include "record/session_id.h"

namespace gatetape {

struct SessionHead {
  SessionId session;
  uint64_t size = 0;
  Hash root{};

  // signed_text returns the bytes that are signed: one line each for the format, the session, the
  // size and the root.
  std::string signed_text() const;
};

}  // namespace gatetape
