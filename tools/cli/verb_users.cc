#include "tools/cli/verb_users.h"

#include "absl/strings/str_join.h"
#include "client/output.h"
#include "formats/openssh_key.h"
#include "policy/access.h"

namespace gatetape::tools {
namespace {

absl::Status list_users(const client::Context& context) {
  const absl::StatusOr<Config> config = context.config();
  if (!config.ok()) return config.status();
  const absl::StatusOr<Access> access = Access::load(config->gateway.access_file);
  if (!access.ok()) return access.status();
  client::Output output(context.format.empty() ? "table" : context.format,
                        {{"user"}, {"roles"}, {"keys"}}, context.color);
  for (const AccessUser& user : access->users()) {
    std::vector<std::string> fingerprints;
    for (const std::string& blob : user.key_blobs)
      fingerprints.push_back(openssh_fingerprint(blob));
    client::Cell roles{client::Json(user.roles), absl::StrJoin(user.roles, ",")};
    client::Cell keys{client::Json(fingerprints), absl::StrJoin(fingerprints, " ")};
    output.add({client::Cell::of_text(user.name), std::move(roles), std::move(keys)});
  }
  return output.finish();
}

}  // namespace

void add_users(CLI::App& app, client::Context& context) {
  CLI::App* verb = app.add_subcommand("users", "list the users with their keys and roles");
  verb->add_option("-o,--output", context.format, "table, json, jsonl or csv")
      ->check(CLI::IsMember({"table", "json", "jsonl", "csv"}));
  verb->callback([&context] { context.fail(list_users(context)); });
}

}  // namespace gatetape::tools
