#include "policy/channel_rules.h"

#include <algorithm>
#include <array>

#include "formats/ssh_request.h"

namespace gatetape {

bool starts_program(std::string_view name) {
  return name == "shell" || name == "exec" || name == "subsystem";
}

bool tells_denial(std::string_view name) { return name == "shell" || name == "exec"; }

bool is_harmless_global(std::string_view name) {
  return name.starts_with("keepalive@") || name == "no-more-sessions@openssh.com" ||
         name == "hostkeys-00@openssh.com" || name == "hostkeys-prove-00@openssh.com" ||
         name == "tcpip-forward" || name == "cancel-tcpip-forward";
}

std::string denial_of(const Grant& grant, std::string_view name, std::string_view data) {
  constexpr std::array<std::string_view, 9> kAlways = {
      "pty-req", "env", "window-change", "signal", "break", "xon-xoff", "eow@openssh.com",
      // PuTTY sends these two and expects them to fail. It sends the first one for each window.
      "winadj@putty.projects.tartarus.org", "simple@putty.projects.tartarus.org"};
  if (std::find(kAlways.begin(), kAlways.end(), name) != kAlways.end()) return "";
  if (name == "shell") return denial_of_right(grant, Right::kShell);
  const absl::StatusOr<SshRequest> request = parse_ssh_request(name, data);
  if (!request.ok()) return "malformed request";
  if (name == "exec") return denial_of_right(grant, Right::kExec);
  if (name == "subsystem") {
    if (request->subsystem != "sftp") return "only the subsystem sftp passes";
    return denial_of_right(grant, Right::kSftp);
  }
  return "this kind of request does not pass";
}

Right right_of(std::string_view name, std::string_view data) {
  if (name == "shell") return Right::kShell;
  if (name == "exec") return Right::kExec;
  if (name != "subsystem") return Right::kNone;
  const absl::StatusOr<SshRequest> request = parse_ssh_request(name, data);
  return request.ok() && request->subsystem == "sftp" ? Right::kSftp : Right::kNone;
}

std::string denial_of_right(const Grant& grant, Right right) {
  switch (right) {
    case Right::kNone:
      return "";
    case Right::kShell:
      return grant.shell ? "" : "your roles do not allow a shell here";
    case Right::kExec:
      return grant.exec ? "" : "your roles do not allow commands here";
    case Right::kSftp:
      return grant.sftp ? "" : "your roles do not allow sftp here";
  }
  return "this right does not exist";
}

}  // namespace gatetape
