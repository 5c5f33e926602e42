#include "tools/cli/verb_ca.h"

#include <cstdio>
#include <memory>

#include "formats/openssh_key.h"

namespace gatetape::tools {
namespace {

absl::Status print_ca(bool host, const client::Context& context) {
  const absl::StatusOr<Config> config = context.config();
  if (!config.ok()) return config.status();
  const absl::StatusOr<SigningKey> key =
      SigningKey::load(host ? config->gateway.host_ca : config->gateway.user_ca);
  if (!key.ok()) return key.status();
  const std::string line =
      host ? "@cert-authority * " + openssh_line(key->public_key(), "gatetape host CA")
           : openssh_line(key->public_key(), "gatetape user CA");
  std::printf("%s\n", line.c_str());
  return absl::OkStatus();
}

}  // namespace

void add_ca(CLI::App& app, client::Context& context) {
  auto host = std::make_shared<bool>(false);  // owned by the parser and the callback together
  CLI::App* verb =
      app.add_subcommand("ca", "print the user CA's public key, for a target's TrustedUserCAKeys");
  verb->add_flag("--host", *host,
                 "print the host CA's public key instead, as a line for a client's known_hosts");
  verb->callback([host, &context] { context.fail(print_ca(*host, context)); });
}

}  // namespace gatetape::tools
