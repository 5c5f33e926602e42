// SshRequest: what the data of an SSH channel request says (RFC 4254 section 6), read by the name
// of the request. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatetape {

// Only the fields of the request's own kind are set. All strings are the peer's bytes.
struct SshRequest {
  std::string name;
  std::string command;    // exec
  std::string subsystem;  // subsystem
  std::string env_name;   // env
  std::string env_value;
  std::string term;           // pty-req
  uint32_t columns = 0;       // pty-req, window-change
  uint32_t rows = 0;          // pty-req, window-change
  uint32_t width_px = 0;      // pty-req, window-change
  uint32_t height_px = 0;     // pty-req, window-change
  std::string modes;          // pty-req: encoded terminal modes (RFC 4254 section 8)
  std::string signal;         // signal, exit-signal: without SIG
  uint32_t exit_status = 0;   // exit-status
  bool core_dumped = false;   // exit-signal
  std::string error_message;  // exit-signal
};

// parse_ssh_request reads `data`, the bytes after want_reply. A request that is not named above
// gives its name alone. INVALID_ARGUMENT when the data of a known one is cut short or has bytes
// left over.
absl::StatusOr<SshRequest> parse_ssh_request(std::string_view name, std::string_view data);

// describe gives one printable line of what people look for: the command, the subsystem,
// NAME=value, "xterm 80x24", the signal, the exit status; empty when the name says it all.
std::string describe(const SshRequest& request);

}  // namespace gatetape
