#include "tools/stack/demo.h"

#include <poll.h>
#include <shadow.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/toml.h"
#include "formats/openssh_key.h"
#include "policy/access.h"
#include "record/session_id.h"
#include "tools/stack/cluster.h"
#include "tools/stack/port.h"
#include "tools/stack/typist.h"

namespace gatetape::tools {
namespace {

struct DemoKey {
  std::string name;     // of the file below DIR/demo
  std::string comment;  // in the public key
};

// make_key writes the key file and NAME.pub unless they exist. It returns the line of the public
// key.
absl::StatusOr<std::string> make_key(const StateDir& state, const DemoKey& wanted) {
  const auto& [name, comment] = wanted;
  const std::string file = "demo/" + name;
  if (access(state.file(file).c_str(), F_OK) != 0) {
    const SigningKey key = SigningKey::generate();
    absl::Status status = state.write_file({.name = file + ".pub",
                                            .text = openssh_line(key.public_key(), comment) + "\n",
                                            .mode = 0644});
    if (status.ok())
      status =
          state.write_file({.name = file, .text = openssh_private_key(key, comment), .mode = 0600});
    if (!status.ok()) return status;
  }
  absl::StatusOr<std::string> line = read_whole_file(state.file(file + ".pub"));
  if (line.ok() && line->ends_with('\n')) line->pop_back();
  return line;
}

// is_locked returns true for an account whose password is locked. Without PAM, sshd refuses such an
// account; with PAM, it does not check.
bool is_locked(const std::string& account) {
  const spwd* entry = getspnam(account.c_str());
  return entry != nullptr && entry->sp_pwdp != nullptr && entry->sp_pwdp[0] == '!';
}

std::string trimmed_public_key(const std::string& line) {
  const size_t space = line.find(' ', line.find(' ') + 1);
  return line.substr(0, space);
}

}  // namespace

Demo::Demo(const StateDir& state, const Ports& ports)
    : state_(state), ports_(ports), login_(RunUser::current().name) {}

absl::StatusOr<Demo> Demo::prepare(const StateDir& state, const Config& config) {
  if (absl::Status status = state.make_folder("demo"); !status.ok()) return status;
  absl::Status status =
      state.write_new({.name = "demo/port", .text = absl::StrCat(free_port(), "\n"), .mode = 0644});
  if (!status.ok()) return status;
  const absl::StatusOr<std::string> text = read_whole_file(state.file("demo/port"));
  if (!text.ok()) return text.status();
  uint32_t port = 0;
  if (!absl::SimpleAtoi(*text, &port) || port == 0 || port > 65535)
    return absl::InvalidArgumentError(state.file("demo/port") +
                                      " does not hold a port number: remove the file");
  const absl::StatusOr<HostPort> gateway = parse_host_port(config.gateway.listen.front());
  if (!gateway.ok()) return gateway.status();
  Demo demo(state, {.gateway = gateway->port, .target = static_cast<uint16_t>(port)});
  status = demo.write_target_files();
  if (status.ok()) status = demo.write_client_files(config);
  if (status.ok()) status = demo.write_access();
  if (!status.ok()) return status;
  return demo;
}

absl::Status Demo::write_target_files() const {
  if (absl::Status status =
          make_key(state_, {.name = "host_key", .comment = "gatetape demo target"}).status();
      !status.ok())
    return status;
  const std::string text = absl::StrCat(
      "# The target of the demonstration; each start writes this file again.\n"
      "ListenAddress 127.0.0.1\nPort ",
      ports_.target,
      "\n"
      "HostKey ",
      state_.file("demo/host_key"),
      "\n"
      "TrustedUserCAKeys ",
      state_.file("keys/user_ca.pub"),
      "\n"
      "AuthorizedKeysFile none\n"
      "PermitRootLogin yes\n"
      "PasswordAuthentication no\n"
      "KbdInteractiveAuthentication no\n"
      "UsePAM ",
      is_locked(login_) ? "yes" : "no",
      "\n"
      "StrictModes no\n"
      "PidFile none\n"
      "PrintMotd no\n"
      "PrintLastLog no\n"
      "AcceptEnv LANG LC_*\n"
      "Subsystem sftp internal-sftp\n");
  return state_.write_file({.name = "demo/sshd_config", .text = text, .mode = 0644});
}

absl::Status Demo::write_client_files(const Config& config) const {
  const absl::StatusOr<SigningKey> host_key = SigningKey::load(config.gateway.host_key);
  if (!host_key.ok()) return host_key.status();
  const absl::StatusOr<SigningKey> host_ca = SigningKey::load(config.gateway.host_ca);
  if (!host_ca.ok()) return host_ca.status();
  const std::string known = absl::StrCat(
      "[127.0.0.1]:", ports_.gateway, " ", openssh_line(host_key->public_key(), "gatetape gateway"),
      "\n@cert-authority demo,127.0.0.1 ", openssh_line(host_ca->public_key(), "gatetape host CA"),
      "\n");
  const absl::Status status =
      state_.write_file({.name = "demo/known_hosts", .text = known, .mode = 0644});
  if (!status.ok()) return status;
  const std::string text = absl::StrCat(
      "# For ssh -F; each start writes this file again.\n"
      "Host gw\n  HostName 127.0.0.1\n  User alice\n"
      "Host gw 127.0.0.1\n  Port ",
      ports_.gateway,
      "\n"
      "Host demo\n  ProxyJump gw\n  User ",
      login_,
      "\n"
      "Host *\n  IdentityFile ",
      state_.file("demo/id_ed25519"),
      "\n"
      "  IdentitiesOnly yes\n"
      "  IdentityAgent none\n"
      "  UserKnownHostsFile ",
      state_.file("demo/known_hosts"),
      "\n"
      "  GlobalKnownHostsFile /dev/null\n"
      "  StrictHostKeyChecking yes\n");
  return state_.write_file({.name = "demo/ssh_config", .text = text, .mode = 0644});
}

absl::Status Demo::write_access() const {
  const absl::StatusOr<std::string> user_key =
      make_key(state_, {.name = "id_ed25519", .comment = "alice@demo"});
  if (!user_key.ok()) return user_key.status();
  const absl::StatusOr<std::string> host_key =
      make_key(state_, {.name = "host_key", .comment = "gatetape demo target"});
  if (!host_key.ok()) return host_key.status();
  const std::string text = absl::StrCat(
      "# The access file of the demonstration. You may change it. See access.toml(5).\n\n"
      "[[user]]\nname = \"alice\"\nkeys = [\"",
      *user_key,
      "\"]\nroles = [\"demo\"]\n\n"
      "[[target]]\nname = \"demo\"\naddress = \"127.0.0.1:",
      ports_.target,
      "\"\n"
      "labels = { env = \"demo\" }\nhost_keys = [\"",
      trimmed_public_key(*host_key),
      "\"]\n\n"
      "[[role]]\nname = \"demo\"\ntargets = [\"env=demo\"]\nlogins = [\"",
      login_,
      "\"]\n"
      "allow = [\"shell\", \"exec\", \"sftp\"]\n");
  if (absl::Status status = state_.write_access(text); !status.ok()) return status;
  const absl::StatusOr<Access> access = Access::load(state_.file("access.toml"));
  if (!access.ok()) return access.status();
  const AccessUser* alice = access->user("alice");
  const AccessTarget* target = access->target("demo", 22);
  if (alice != nullptr && target != nullptr && target->port == ports_.target &&
      access->decide(*alice, *target, login_))
    return absl::OkStatus();
  return absl::FailedPreconditionError(state_.file("access.toml") +
                                       " does not let alice reach demo (port " +
                                       std::to_string(ports_.target) + ") as " + login_ +
                                       "; use another --dir for the demonstration");
}

Service Demo::target() const {
  Service service;
  service.name = "demo-sshd";
  service.spec.argv = {"/usr/sbin/sshd", "-D", "-e", "-f", state_.file("demo/sshd_config")};
  service.spec.log_file = state_.file("log/demo-sshd.log");
  // When root runs sshd, this folder must exist. Elsewhere the package makes it at boot.
  if (geteuid() == 0) mkdir("/run/sshd", 0755);
  return service;
}

std::vector<std::string> Demo::ssh(const std::vector<std::string>& more) const {
  std::vector<std::string> words = {"ssh", "-F", state_.file("demo/ssh_config")};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

absl::Status Demo::drive_session() {
  if (absl::Status status = run_command(); !status.ok()) return status;
  ProcessSpec spec;
  spec.argv = ssh({"-tt", "-J", "gw", login_ + "@demo"});
  spec.environment = {{"TERM", "xterm-256color"}};
  const absl::StatusOr<TypedSession> session = type_into(
      spec, {"whoami", "uname -sr", "echo 'every keystroke is on record'", "exit"}, 60000);
  if (!session.ok()) return session.status();
  if (session->exit_code == 0 && session->screen.find("Linux") != std::string::npos)
    return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("ssh ended with ", session->exit_code, ": ", printable(session->screen)));
}

absl::Status Demo::run_command() {
  ProcessSpec spec;
  spec.argv = ssh({"-J", "gw", login_ + "@demo", "grep -c processor /proc/cpuinfo"});
  const absl::StatusOr<ProcessOutput> ran = run_process(spec, 60000);
  if (!ran.ok()) return ran.status();
  if (ran->exit_code == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("ssh ended with ", ran->exit_code, ": ", ran->errors));
}

absl::StatusOr<std::string> Demo::show(const std::vector<std::string>& verb) const {
  ProcessSpec spec;
  spec.argv = {program_folder() + "/gatetape", "--dir", state_.path};
  spec.argv.insert(spec.argv.end(), verb.begin(), verb.end());
  std::printf("\n$ gatetape %s\n", absl::StrJoin(verb, " ").c_str());
  std::fflush(stdout);
  absl::StatusOr<ProcessOutput> ran = run_process(spec, 60000);
  if (!ran.ok()) return ran.status();
  std::printf("%s%s", ran->output.c_str(), ran->errors.c_str());
  if (ran->exit_code == 0) return ran->output;
  return absl::InternalError(
      absl::StrCat("gatetape ", verb[0], " ended with exit code ", ran->exit_code));
}

absl::StatusOr<std::string> Demo::wait_for_record() const {
  constexpr int kTries = 100;
  constexpr int kPauseMs = 200;
  constexpr size_t kIdLength = 36;
  ProcessSpec spec;
  spec.argv = {program_folder() + "/gatetape", "--dir", state_.path, "ls", "-o", "jsonl"};
  for (int i = 0; i < kTries && !Supervisor::interrupted(); i++) {
    const absl::StatusOr<ProcessOutput> listed = run_process(spec, 30000);
    if (!listed.ok()) return listed.status();
    if (listed->exit_code != 0) return absl::InternalError("gatetape ls: " + listed->errors);
    const std::string newest = listed->output.substr(0, listed->output.find('\n'));
    for (size_t at = 0; at + kIdLength <= newest.size(); at++)
      if (SessionId::from_text(newest.substr(at, kIdLength)).ok() &&
          newest.find("\"closed\"") != std::string::npos)
        return newest.substr(at, kIdLength);
    poll(nullptr, 0, kPauseMs);
  }
  return absl::DeadlineExceededError("the recorded session did not end within 20 s");
}

absl::Status Demo::show_record() {
  const absl::StatusOr<std::string> id = wait_for_record();
  if (!id.ok()) return id.status();
  const struct {
    std::vector<std::string> verb;
    std::string expected;  // in its output
  } kViews[] = {{{"ls"}, "alice"},
                {{"play", "--text", *id}, "every keystroke is on record"},
                {{"search", "cpuinfo"}, "cpuinfo"},
                {{"verify", *id}, "intact"}};
  for (const auto& view : kViews) {
    const absl::StatusOr<std::string> shown = show(view.verb);
    if (!shown.ok()) return shown.status();
    if (absl::AsciiStrToLower(*shown).find(view.expected) == std::string::npos)
      return absl::InternalError("`gatetape " + view.verb[0] + "` does not show " + view.expected);
  }
  return absl::OkStatus();
}

void Demo::print_hints() const {
  const std::string config = " -F " + state_.file("demo/ssh_config") + " ";
  const std::string gatetape = program_folder() + "/gatetape --dir " + state_.path + " ";
  const std::string direct = absl::StrCat("-p ", ports_.gateway, " ", login_, "@demo@127.0.0.1");
  std::printf("\nTry it, from another terminal:\n");
  for (const std::string& line :
       {"ssh" + config + "-J gw " + login_ + "@demo      # through the gateway as a jump host",
        "ssh" + config + direct + "   # login and target in the user name",
        "scp" + config + "/etc/hostname demo:/tmp/", "sftp" + config + "demo", gatetape + "ls",
        gatetape + "play last", gatetape + "search cpuinfo", gatetape + "verify --all"})
    std::printf("  %s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace gatetape::tools
