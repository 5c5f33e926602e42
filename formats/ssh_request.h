// SshRequest: the parsed data of an SSH channel request (RFC 4254 section 6). The name of the
// request selects the fields. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/text_escape.h"

namespace gatetape {

// Only the fields that belong to the name of the request are set. All strings are bytes of the
// peer.
struct SshRequest {
  std::string name;
  // The name is one of those below, or shell: the fields hold all of the data.
  bool is_decoded = false;
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

// parse_ssh_request parses `data`, the bytes of the request after want_reply. For a name that is
// not listed above it returns the name alone. It fails with INVALID_ARGUMENT when the data of a
// listed request is incomplete or has bytes left over.
absl::StatusOr<SshRequest> parse_ssh_request(std::string_view name, std::string_view data);

// describe returns one printable line with what people search for: the command, the subsystem,
// NAME=value, "xterm 80x24", the signal or the exit status. It returns an empty line when the name
// says everything. `form` makes text of the peer's bytes.
std::string describe(const SshRequest& request, TextForm form = escape_text);

}  // namespace gatetape
