#include "tools/cli/verb_ls.h"

#include <memory>
#include <string>

#include "base/clock.h"
#include "client/audit_client.h"
#include "client/output.h"
#include "client/session_view.h"
#include "client/times.h"

namespace gatetape::tools {
namespace {

namespace v1 = audit::v1;

struct Options {
  std::string user, target, login, from, kind, since, until;
  bool live = false;
  uint32_t limit = 50;
  std::string format = "table";
};

absl::StatusOr<v1::ListSessionsRequest> make_request(const Options& options,
                                                     const client::Context& context) {
  v1::ListSessionsRequest request;
  request.set_user(options.user);
  request.set_target(options.target);
  request.set_login(options.login);
  request.set_from(options.from);
  request.set_kind(options.kind);
  request.set_live(options.live);
  request.set_limit(options.limit);
  // A person types what the table shows; a program gets the whole id.
  request.set_short_ids(options.format == "table" && context.stdout_is_tty);
  const auto range = client::parse_range({.since = options.since, .until = options.until},
                                         system_clock().wall_ns(), context.local_time);
  if (!range.ok()) return range.status();
  request.set_since_unix_ns(range->since_ns);
  request.set_until_unix_ns(range->until_ns);
  return request;
}

absl::Status run(const Options& options, const client::Context& context) {
  if (absl::Status status = client::Output::check_format(options.format); !status.ok())
    return status;
  const auto request = make_request(options, context);
  if (!request.ok()) return request.status();
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  client::Output output(options.format, client::session_columns(options.kind), context.color);
  uint32_t count = 0;
  const absl::Status status = (*client)->list(*request, [&](const v1::Session& session) {
    output.add(client::session_cells(session, context, system_clock().wall_ns()));
    count++;
    return true;
  });
  const absl::Status written = output.finish();
  if (!status.ok()) return status;
  if (count == 0 && options.format == "table") std::fprintf(stderr, "no sessions\n");
  if (count == options.limit && options.format == "table")
    std::fprintf(stderr, "these are the newest %u; --limit N lists more (0 = all)\n", count);
  return written;
}

}  // namespace

void add_ls(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<Options>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand("ls", "list sessions, newest first");
  verb->add_option("--user", options->user, "glob of the user, with * and ?");
  verb->add_option("--target", options->target, "glob of the target's name or address");
  verb->add_option("--login", options->login, "glob of the login on the target");
  verb->add_option("--from", options->from, "the client's address, or a CIDR");
  verb->add_option("--since", options->since,
                   "sessions that started at or after: 2026-01-02T03:04:05Z, 2h (ago), today");
  verb->add_option("--until", options->until, "sessions that started before");
  verb->add_flag("--live", options->live, "sessions that are running now");
  verb->add_option("--kind", options->kind, "session (default), forward or system")
      ->check(CLI::IsMember({"session", "forward", "system"}));
  verb->add_option("--limit", options->limit, "list at most this many (default 50, 0 = all)");
  verb->add_option("-o,--output", options->format, "table (default), json, jsonl or csv");
  verb->callback([options, &context] { context.fail(run(*options, context)); });
}

}  // namespace gatetape::tools
