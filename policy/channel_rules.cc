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
  if (name == "shell") return grant.shell ? "" : "your roles do not allow a shell here";
  const absl::StatusOr<SshRequest> request = parse_ssh_request(name, data);
  if (!request.ok()) return "malformed request";
  if (name == "exec") return grant.exec ? "" : "your roles do not allow commands here";
  if (name == "subsystem") {
    if (request->subsystem != "sftp") return "only the subsystem sftp passes";
    return grant.sftp ? "" : "your roles do not allow sftp here";
  }
  return "this kind of request does not pass";
}

}  // namespace gatetape
