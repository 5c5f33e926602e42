#include "tools/stack/accounts.h"

#include <grp.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/os/peer_role.h"

namespace gatetape::tools {
namespace {

constexpr char kDatabaseAccount[] = "gatetape-db";
constexpr int64_t kToolTimeoutMs = 30000;

absl::Status run_tool(std::vector<std::string> words) {
  ProcessSpec spec;
  spec.argv = std::move(words);
  const absl::StatusOr<ProcessOutput> ran = run_process(spec, kToolTimeoutMs);
  if (!ran.ok()) return ran.status();
  if (ran->exit_code == 0) return absl::OkStatus();
  return absl::UnavailableError(spec.argv[0] + ": " + ran->errors);
}

absl::StatusOr<gid_t> find_group() {
  const group* entry = getgrnam(kStackGroup);
  if (entry == nullptr) return absl::NotFoundError("there is no group " + std::string(kStackGroup));
  return entry->gr_gid;
}

absl::StatusOr<gid_t> find_or_make_group() {
  const absl::StatusOr<gid_t> found = find_group();
  if (found.ok()) return found;
  const absl::Status made = run_tool({"groupadd", "--system", kStackGroup});
  return made.ok() ? find_group() : made;
}

absl::StatusOr<RunUser> find_or_make_user(const std::string& name, gid_t group) {
  absl::StatusOr<RunUser> user = RunUser::find(name);
  if (absl::IsNotFound(user.status())) {
    const absl::Status made =
        run_tool({"useradd", "--system", "--user-group", "--groups", kStackGroup,
                  "--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin", name});
    if (!made.ok()) return made;
    user = RunUser::find(name);
  }
  if (!user.ok()) return user;
  if (user->uid == 0)
    return absl::InvalidArgumentError("the account " + name + " must not be root");
  user->gid = group;
  return user;
}

}  // namespace

absl::StatusOr<Accounts> Accounts::find_or_make() {
  const absl::StatusOr<gid_t> group = find_or_make_group();
  if (!group.ok()) return group.status();
  Accounts accounts;
  const std::pair<std::string, RunUser*> kWanted[] = {
      {role_account(PeerRole::kGateway), &accounts.gateway},
      {role_account(PeerRole::kRecorder), &accounts.recorder},
      {role_account(PeerRole::kAuditd), &accounts.auditd},
      {kDatabaseAccount, &accounts.database}};
  for (const auto& [name, user] : kWanted) {
    absl::StatusOr<RunUser> found = find_or_make_user(name, *group);
    if (!found.ok()) return found.status();
    *user = *std::move(found);
  }
  return accounts;
}

}  // namespace gatetape::tools
