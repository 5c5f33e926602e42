// LogTrust: what a verifier was told about the log. Trust comes from here alone, never from the
// database that is verified.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "log/vkey.h"

namespace gatetape::auditd {

struct LogTrust {
  std::string origin;
  std::vector<VerifierKey> keys;  // of the log; without one the log is not judged
  std::string publish_dir;        // folder of the published log; empty = none
  // A session without an end whose last frame is older than this is unterminated, in seconds.
  uint32_t unterminated_after_s = 86'400;
};

}  // namespace gatetape::auditd
