#include "tools/cli/verb_verify.h"

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "client/audit_client.h"
#include "client/output.h"
#include "client/session_view.h"
#include "client/times.h"
#include "record/session_id.h"
#include "tools/cli/bundle_verify.h"
#include "tools/cli/verb_argument.h"
#include "tools/cli/verify_watch.h"

namespace gatetape::tools {
namespace {

namespace v1 = audit::v1;

struct Options {
  std::string id;    // or the file of a bundle
  std::string keys;  // file of keys; empty = a session of the stack is verified
  bool all = false;
  std::string since;
  std::string after;
  bool progress = false;
  std::string format = "table";
};

std::vector<client::Column> columns() {
  return {{"verdict"}, {"id"},          {"frames", true, true},    {"first_bad_seq", false, true},
          {"detail"},  {"root", false}, {"gateway_key_id", false}, {"recorder_key_id", false}};
}

// detail_of returns what is wrong, or for an intact session the keys that signed it.
client::Cell detail_of(const v1::Verdict& verdict) {
  if (verdict.result() != v1::Verdict::RESULT_INTACT)
    return client::Cell::of_text(verdict.detail());
  client::Cell cell = client::Cell::of_text("");
  cell.text = "signed by gateway " + printable(verdict.gateway_key_id()) + ", recorder " +
              printable(verdict.recorder_key_id());
  if (!verdict.detail().empty()) cell.text += "; " + printable(verdict.detail());
  return cell;
}

std::vector<client::Cell> cells(const v1::Verdict& verdict) {
  client::Cell word = client::Cell::of_text(client::verdict_word(verdict));
  word.color = client::verdict_color(verdict);
  return {word,
          client::Cell::of_text(client::id_text(verdict.session_id())),
          client::Cell::of_number(verdict.frames()),
          client::Cell::of_number(verdict.first_bad_seq()),
          detail_of(verdict),
          client::Cell::of_text(to_hex(verdict.root())),
          client::Cell::of_text(verdict.gateway_key_id()),
          client::Cell::of_text(verdict.recorder_key_id())};
}

absl::StatusOr<v1::VerifyRequest> make_request(const Options& options,
                                               const client::Context& context) {
  if (options.all == !options.id.empty())
    return absl::InvalidArgumentError("name one session, or use --all");
  if (!options.all && !(options.since.empty() && options.after.empty()))
    return absl::InvalidArgumentError("--since and --after go with --all");
  v1::VerifyRequest request;
  request.set_id(options.id);
  const auto range = client::parse_range({.since = options.since, .until = {}},
                                         system_clock().wall_ns(), context.local_time);
  if (!range.ok()) return range.status();
  request.set_since_unix_ns(range->since_ns);
  if (options.after.empty()) return request;
  const auto after = SessionId::from_text(options.after);
  if (!after.ok()) return absl::InvalidArgumentError("--after: not the whole id of a session");
  request.set_after(std::string(after->bytes()));
  return request;
}

using Print = std::function<bool(const v1::Verdict&)>;

absl::Status verify_one(const v1::VerifyRequest& request, const client::Context& context,
                        const Print& print) {
  const auto client = client::AuditClient::connect(context);
  return client.ok() ? (*client)->verify(request, print) : client.status();
}

// verify_all also shows how far the verification is. The watch comes first, because it blocks
// signals for the threads that the connection starts.
absl::Status verify_all(const v1::VerifyRequest& request, const Options& options,
                        const client::Context& context, const Print& print) {
  grpc::ClientContext call;
  VerifyWatch watch({.shows_progress = options.progress || context.stderr_is_tty,
                     .is_terminal = context.stderr_is_tty,
                     .cancel = [&call] { call.TryCancel(); }});
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  const auto each = [&](const v1::Verdict& verdict) {
    watch.add(verdict);
    return print(verdict);
  };
  return watch.finish((*client)->verify(request, each, &call));
}

absl::Status run(const Options& options, client::Context& context) {
  if (!options.keys.empty() && (options.all || options.id.empty()))
    return absl::InvalidArgumentError("name the file of one bundle with --key");
  if (!options.keys.empty()) return verify_file(options.id, options.keys, options.format, context);
  if (absl::Status status = client::Output::check_format(options.format); !status.ok())
    return status;
  const auto request = make_request(options, context);
  if (!request.ok()) return request.status();
  client::Output output(options.format, columns(), context.color);
  uint64_t counts[v1::Verdict::Result_ARRAYSIZE] = {};
  const auto print = [&](const v1::Verdict& verdict) {
    output.add(cells(verdict));
    counts[verdict.result()]++;
    return true;
  };
  absl::Status status = options.all ? verify_all(*request, options, context, print)
                                    : verify_one(*request, context, print);
  const absl::Status written = output.finish();
  if (status.ok()) status = written;
  context.fail(status);
  const uint64_t tampered = counts[v1::Verdict::RESULT_TAMPERED];
  if (tampered > 0) context.exit_code = client::kExitTampered;
  if (options.all)
    std::fprintf(stderr, "%lu intact, %lu unsigned, %lu tampered\n",
                 counts[v1::Verdict::RESULT_INTACT], counts[v1::Verdict::RESULT_UNSIGNED],
                 tampered);
  return absl::OkStatus();
}

}  // namespace

void add_verify(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<Options>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand(
      "verify", "prove that sessions are what was recorded; the exit code is 5 when one is not");
  add_session_argument(verb, &options->id);
  verb->add_option("--key", options->keys,
                   "verify the bundle in the file ID offline, with the verifier keys in this file");
  verb->add_flag("--all", options->all, "verify all sessions, and that none is missing");
  verb->add_option("--since", options->since,
                   "with --all: sessions that started at or after: 2026-01-02T03:04:05Z, 2h (ago)");
  verb->add_option("--after", options->after,
                   "with --all: go on behind this session, where an earlier call stopped");
  verb->add_flag("--progress", options->progress,
                 "with --all: print the progress also when standard error is no terminal");
  verb->add_option("-o,--output", options->format, "table (default), json, jsonl or csv");
  verb->callback([options, &context] { context.fail(run(*options, context)); });
}

}  // namespace gatetape::tools
