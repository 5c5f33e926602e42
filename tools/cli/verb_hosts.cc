#include "tools/cli/verb_hosts.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/os/process.h"
#include "client/output.h"
#include "formats/openssh_key.h"
#include "policy/access.h"

namespace gatetape::tools {
namespace {

constexpr int64_t kScanTimeoutMs = 30000;

absl::StatusOr<Access> load_access(const client::Context& context) {
  const absl::StatusOr<Config> config = context.config();
  if (!config.ok()) return config.status();
  return Access::load(config->gateway.access_file);
}

absl::Status list_hosts(const client::Context& context) {
  const absl::StatusOr<Access> access = load_access(context);
  if (!access.ok()) return access.status();
  client::Output output(context.format.empty() ? "table" : context.format,
                        {{"target"}, {"address"}, {"labels"}, {"login_with"}, {"host_keys"}},
                        context.color);
  for (const AccessTarget& target : access->targets()) {
    std::vector<std::string> labels, fingerprints;
    for (const auto& label : target.labels) labels.push_back(label.first + "=" + label.second);
    for (const std::string& blob : target.host_key_blobs)
      fingerprints.push_back(openssh_fingerprint(blob));
    client::Cell label_cell{client::Json(target.labels), printable(absl::StrJoin(labels, ","))};
    client::Cell key_cell{client::Json(fingerprints), fingerprints.empty()
                                                          ? "none: refused"
                                                          : absl::StrJoin(fingerprints, " ")};
    output.add({client::Cell::of_text(target.name),
                client::Cell::of_text(format_host_port({target.host, target.port})),
                std::move(label_cell),
                client::Cell::of_text(target.key_file.empty() ? "certificate" : "key"),
                std::move(key_cell)});
  }
  return output.finish();
}

// print_keys prints the keys on standard output as a list for access.toml, and their fingerprints
// on standard error for a person to compare.
void print_keys(const std::vector<OpensshPublicKey>& keys, const AccessTarget* target) {
  std::printf("host_keys = [\n");
  for (const OpensshPublicKey& key : keys) {
    const std::string fingerprint = openssh_fingerprint(key.blob);
    const bool known = target != nullptr && std::count(target->host_key_blobs.begin(),
                                                       target->host_key_blobs.end(), key.blob) > 0;
    std::printf("  \"%s %s\",\n", key.type.c_str(), to_base64(key.blob).c_str());
    std::fprintf(stderr, "%s %s%s\n", key.type.c_str(), fingerprint.c_str(),
                 known ? "   (already in access.toml)" : "");
  }
  std::printf("]\n");
  std::fprintf(stderr,
               "Compare the fingerprints with those on the target itself: "
               "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n");
}

absl::Status scan_host(const std::string& name, const client::Context& context) {
  const absl::StatusOr<Access> access = load_access(context);
  if (absl::IsInvalidArgument(access.status()))
    return access.status();  // the file may name the target
  absl::StatusOr<HostPort> endpoint = parse_host_port(name, uint16_t{22});
  if (!endpoint.ok()) return endpoint.status();
  const AccessTarget* target =
      access.ok() ? access->target(endpoint->host, endpoint->port) : nullptr;
  if (target != nullptr) endpoint = HostPort{target->host, target->port};
  ProcessSpec spec;
  spec.argv = {"ssh-keyscan", "-T", "10", "-p", std::to_string(endpoint->port), endpoint->host};
  const absl::StatusOr<ProcessOutput> scanned = run_process(spec, kScanTimeoutMs);
  if (!scanned.ok()) return scanned.status();
  std::vector<OpensshPublicKey> keys;
  const std::vector<std::string> lines = absl::StrSplit(scanned->output, '\n');
  for (const std::string& line : lines) {
    const size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    absl::StatusOr<OpensshPublicKey> key = OpensshPublicKey::parse(line.substr(space + 1));
    if (key.ok()) keys.push_back(*std::move(key));
  }
  if (keys.empty())
    return absl::UnavailableError("no host key from " + format_host_port(*endpoint) +
                                  ": check that sshd answers there");
  print_keys(keys, target);
  return absl::OkStatus();
}

}  // namespace

void add_hosts(CLI::App& app, client::Context& context) {
  auto name = std::make_shared<std::string>();  // owned by the parser and the callback together
  CLI::App* verb =
      app.add_subcommand("hosts", "list the targets; `hosts scan` prints the keys of a host");
  verb->add_option("-o,--output", context.format, "table, json, jsonl or csv")
      ->check(CLI::IsMember({"table", "json", "jsonl", "csv"}));
  CLI::App* scan =
      verb->add_subcommand("scan", "print the host keys that a target or address presents now");
  scan->add_option("host", *name, "name of a target, or address[:port]")->required();
  verb->callback([name, scan, &context] {
    context.fail(scan->parsed() ? scan_host(*name, context) : list_hosts(context));
  });
}

}  // namespace gatetape::tools
