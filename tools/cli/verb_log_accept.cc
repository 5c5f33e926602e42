#include "tools/cli/verb_log_accept.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/bytes.h"
#include "base/os/replace_file.h"
#include "base/toml.h"
#include "client/audit_client.h"
#include "policy/acceptance.h"

namespace gatetape::tools {
namespace {

// caller returns the name of whoever runs this: behind sudo that of the person.
std::string caller() {
  const char* const person = geteuid() == 0 ? std::getenv("SUDO_USER") : nullptr;
  if (person != nullptr && *person != '\0') return person;
  const passwd* const account = getpwuid(geteuid());
  return account == nullptr ? std::to_string(geteuid()) : account->pw_name;
}

// write_for_daemon writes a file that only the owner of its folder, a daemon, can read.
absl::Status write_for_daemon(const std::string& path, const std::string& text) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0)
    return absl::NotFoundError(folder + ": " + std::strerror(errno));
  if (geteuid() != 0 && geteuid() != info.st_uid)
    return absl::PermissionDeniedError("only root and the owner of " + folder +
                                       " may write there: run it as root");
  return replace_file(path, 0600, [&](std::FILE* file) {
    const bool is_given = geteuid() != 0 || fchown(fileno(file), info.st_uid, info.st_gid) == 0;
    const bool is_whole = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    return is_given && is_whole
               ? absl::OkStatus()
               : absl::UnknownError("cannot write " + path + ": " + std::strerror(errno));
  });
}

// accept_for_gateway writes the acceptance for the gateway of this machine, which refuses sessions
// for the reason `refusal`.
absl::Status accept_for_gateway(const Config& config, const std::string& refusal,
                                const Acceptance& acceptance) {
  const absl::Status written =
      write_for_daemon(acceptance_file(config.gateway.checkpoint_file), acceptance.to_text());
  if (!written.ok()) return written;
  std::printf("Accepted: %s\nThe gateway goes on within seconds; see `gatetape doctor`.\n",
              printable(refusal.substr(0, refusal.find('\n'))).c_str());
  return absl::OkStatus();
}

// auditd_refuses returns true when the auditd of this machine answers that the database is behind
// what it published.
bool auditd_refuses(const client::Context& context) {
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return false;
  const auto health = (*client)->health();
  return health.ok() && health->log().rolled_back();
}

// accept_for_auditd writes the acceptance for the auditd of this machine, which publishes the log.
absl::Status accept_for_auditd(const Config& config, const Acceptance& acceptance) {
  const absl::Status written =
      write_for_daemon(config.log.publish_dir + "/accept", acceptance.to_text());
  if (!written.ok()) return written;
  std::printf("auditd adds the published entries that the database lost; see `gatetape log`.\n");
  return absl::OkStatus();
}

absl::Status accept_rollback(const std::string& reason, const client::Context& context) {
  const absl::StatusOr<Config> config = context.config();
  if (!config.ok()) return config.status();
  const Acceptance acceptance{.by = caller(), .reason = reason};
  if (absl::Status status = acceptance.check(); !status.ok()) return status;
  const bool has_gateway = config->daemons.empty() || config->daemons.contains("gateway");
  const bool is_guarded = has_gateway && !config->gateway.log_keys.empty();
  const bool is_published = std::filesystem::is_directory(config->log.publish_dir);
  if (!is_guarded && !is_published)
    return absl::FailedPreconditionError(
        "neither a gateway with log_keys nor a published log is on this machine: run it where the "
        "gateway runs, and where auditd runs");
  const absl::StatusOr<std::string> refusal =
      is_guarded ? read_whole_file(refusal_file(config->gateway.checkpoint_file))
                 : absl::NotFoundError("no gateway is guarded");
  if (!refusal.ok() && !absl::IsNotFound(refusal.status())) return refusal.status();
  if (!refusal.ok() && !(is_published && auditd_refuses(context)))
    return absl::FailedPreconditionError(
        "there is nothing to accept: neither the gateway nor the "
        "auditd of " +
        config->path + " refuses the database; see `gatetape doctor`");
  if (refusal.ok())
    if (absl::Status status = accept_for_gateway(*config, *refusal, acceptance); !status.ok())
      return status;
  return is_published ? accept_for_auditd(*config, acceptance) : absl::OkStatus();
}

}  // namespace

void add_log_accept(CLI::App& log, client::Context& context) {
  auto reason = std::make_shared<std::string>();  // owned by the parser and the callback together
  CLI::App* verb = log.add_subcommand("accept", "let sessions go on with an older database");
  verb->add_option("--reason", *reason, "why the older database is right; it is recorded")
      ->required();
  verb->callback([reason, &context] { context.fail(accept_rollback(*reason, context)); });
}

}  // namespace gatetape::tools
