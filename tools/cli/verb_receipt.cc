#include "tools/cli/verb_receipt.h"

#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/toml.h"
#include "bundle/keys.h"
#include "client/audit_client.h"
#include "log/receipt.h"
#include "log/receipt_check.h"
#include "tools/cli/verb_argument.h"

namespace gatetape::tools {
namespace {

struct Options {
  std::string id;
  std::string file;
  std::string key_file;
};

absl::Status print_receipt(const Options& options, const client::Context& context) {
  if (options.id.empty()) return absl::InvalidArgumentError("name one session");
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  const auto text = (*client)->receipt(options.id);
  if (!text.ok()) return text.status();
  const auto receipt = Receipt::parse(*text);
  if (!receipt.ok()) return absl::InternalError("the answer of auditd is no receipt");
  std::fputs(text->c_str(), stdout);
  if (!receipt->log)
    std::fprintf(stderr,
                 "the receipt holds no proof, because no checkpoint of the log has the "
                 "session: ask again later, or see `gatetape log`\n");
  if (std::fflush(stdout) == 0) return absl::OkStatus();
  return absl::UnknownError("the receipt could not be written: check the free space");
}

absl::StatusOr<BundleKeys> read_keys(const std::string& path) {
  const auto text = read_whole_file(path);
  if (!text.ok()) return text.status();
  auto keys = BundleKeys::parse(*text);
  if (keys.ok()) return keys;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", keys.status().message()));
}

void print_facts(const Receipt& receipt) {
  std::printf("session %s\nuser %s\nlogin %s\ntarget %s\nframes %lu\n",
              receipt.session.to_text().c_str(), printable(receipt.user).c_str(),
              printable(receipt.login).c_str(), printable(receipt.target).c_str(),
              receipt.head.size);
}

absl::Status verify_receipt(const Options& options, client::Context& context) {
  const auto keys = read_keys(options.key_file);
  if (!keys.ok()) return keys.status();
  const auto text = read_whole_file(options.file);
  if (!text.ok()) return text.status();
  const auto receipt = Receipt::parse(*text);
  if (!receipt.ok()) return absl::DataLossError(options.file + " is no receipt, or it was damaged");
  const ReceiptCheck check = check_receipt(*receipt, keys->logs);
  print_facts(*receipt);
  for (const ReceiptFinding& finding : {check.issuer, check.head, check.existence})
    std::printf("%s\n", finding.to_text().c_str());
  if (!check.is_good()) context.exit_code = client::kExitTampered;
  return absl::OkStatus();
}

}  // namespace

void add_receipt(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<Options>();  // owned by the parser and the callbacks together
  CLI::App* verb =
      app.add_subcommand("receipt", "print a signed receipt of a session, for its user to keep");
  add_session_argument(verb, &options->id);
  CLI::App* verify = verb->add_subcommand(
      "verify", "verify a receipt without a stack; the exit code is 5 when it proves nothing");
  verify->add_option("file", options->file, "the receipt")->required();
  verify->add_option("--key", options->key_file, "file with what `gatetape log key` printed")
      ->required();
  verify->callback([options, &context] { context.fail(verify_receipt(*options, context)); });
  verb->callback([options, verify, &context] {
    if (!verify->parsed()) context.fail(print_receipt(*options, context));
  });
}

}  // namespace gatetape::tools
