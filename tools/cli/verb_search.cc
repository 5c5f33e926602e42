#include "tools/cli/verb_search.h"

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

// Hits that auditd returns at most, whatever the limit asks for (auditd/query/search.h).
constexpr uint32_t kHitsMax = 10000;

struct Options {
  std::string pattern, since, until;
  bool regex = false;
  uint32_t limit = 50;
  std::string format = "table";
};

std::vector<client::Column> columns() {
  return {{"id"},
          {"time"},
          {"user"},
          {"login", false},
          {"target"},
          {"what"},
          {"text"},
          {"seq", false, true},
          {"offset_s", false},
          {"source", false},
          {"state", false}};
}

std::vector<client::Cell> cells(const v1::Hit& hit, const client::Context& context) {
  const v1::Session& session = hit.session();
  const auto offset_ns = static_cast<int64_t>(hit.offset_ns());
  const int64_t start_ns = session.started_at_unix_ns();
  return {client::Cell::of_text(client::id_text(session.session_id())),
          time_cell(start_ns == 0 ? 0 : start_ns + offset_ns, context),
          client::Cell::of_text(session.user()),
          client::Cell::of_text(session.login()),
          client::Cell::of_text(session.target()),
          client::Cell::of_text(hit.what()),
          client::Cell::of_text(hit.text()),
          client::Cell::of_number(hit.seq()),
          {static_cast<double>(offset_ns) / 1e9, "", nullptr},
          client::Cell::of_text(session.source()),
          client::Cell::of_text(session.state())};
}

absl::Status run(const Options& options, const client::Context& context) {
  if (absl::Status status = client::Output::check_format(options.format); !status.ok())
    return status;
  v1::SearchRequest request;
  request.set_pattern(options.pattern);
  request.set_regex(options.regex);
  request.set_limit(options.limit);
  const auto range = client::parse_range({.since = options.since, .until = options.until},
                                         system_clock().wall_ns(), context.local_time);
  if (!range.ok()) return range.status();
  request.set_since_unix_ns(range->since_ns);
  request.set_until_unix_ns(range->until_ns);
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  client::Output output(options.format, columns(), context.color);
  uint32_t count = 0;
  const absl::Status status = (*client)->search(request, [&](const v1::Hit& hit) {
    output.add(cells(hit, context));
    count++;
    return true;
  });
  const absl::Status written = output.finish();
  if (!status.ok()) return status;
  if (count == 0 && options.format == "table") std::fprintf(stderr, "nothing found\n");
  if (count > 0 && (count == kHitsMax || count == options.limit))
    std::fprintf(stderr, "these are the newest %u hits; %s\n", count,
                 count == kHitsMax ? "--until finds older ones" : "--limit N shows more");
  return written;
}

}  // namespace

void add_search(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<Options>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand(
      "search", "find sessions by commands, subsystems, environment, denials, users, hosts");
  verb->add_option("pattern", options->pattern,
                   "text to find, as bytes or as it is shown; upper and lower case are the same")
      ->required();
  verb->add_flag("--regex", options->regex,
                 "the pattern is a POSIX regular expression; case does not matter");
  verb->add_option("--since", options->since,
                   "sessions that started at or after: 2026-01-02T03:04:05Z, 2h (ago), today");
  verb->add_option("--until", options->until, "sessions that started before");
  verb->add_option("--limit", options->limit,
                   "show at most this many hits (default 50; 0 = 10000, which is the most)");
  verb->add_option("-o,--output", options->format, "table (default), json, jsonl or csv");
  verb->callback([options, &context] { context.fail(run(*options, context)); });
}

}  // namespace gatetape::tools
