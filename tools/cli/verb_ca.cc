#include "tools/cli/verb_ca.h"

#include <cstdio>
#include <memory>
#include <set>

#include "absl/strings/str_join.h"
#include "formats/openssh_key.h"
#include "policy/access.h"

namespace gatetape::tools {
namespace {

// host_patterns returns the names under which users reach the targets, as the first field of a line
// of known_hosts. A certificate authority for `*` could vouch for every host of the user.
absl::StatusOr<std::string> host_patterns(const Config& config) {
  const absl::StatusOr<Access> access = Access::load(config.gateway.access_file);
  if (!access.ok()) return access.status();
  std::set<std::string> names;
  for (const AccessTarget& target : access->targets()) names.insert({target.name, target.host});
  if (names.empty())
    return absl::FailedPreconditionError(config.gateway.access_file +
                                         " names no target: add a [[target]] first");
  return absl::StrJoin(names, ",");
}

absl::Status print_ca(bool host, const client::Context& context) {
  const absl::StatusOr<Config> config = context.config();
  if (!config.ok()) return config.status();
  const absl::StatusOr<SigningKey> key =
      SigningKey::load(host ? config->gateway.host_ca : config->gateway.user_ca);
  if (!key.ok()) return key.status();
  if (!host) {
    std::printf("%s\n", openssh_line(key->public_key(), "gatetape user CA").c_str());
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> patterns = host_patterns(*config);
  if (!patterns.ok()) return patterns.status();
  std::printf("@cert-authority %s %s\n", patterns->c_str(),
              openssh_line(key->public_key(), "gatetape host CA").c_str());
  return absl::OkStatus();
}

}  // namespace

void add_ca(CLI::App& app, client::Context& context) {
  auto host = std::make_shared<bool>(false);  // owned by the parser and the callback together
  CLI::App* verb =
      app.add_subcommand("ca", "print the user CA's public key, for a target's TrustedUserCAKeys");
  verb->add_flag(
      "--host", *host,
      "print the host CA's public key instead, as a line for a client's known_hosts that "
      "names the targets");
  verb->callback([host, &context] { context.fail(print_ca(*host, context)); });
}

}  // namespace gatetape::tools
