#include "tools/cli/verb_coverage.h"

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "client/audit_client.h"
#include "client/covered_session.h"
#include "client/output.h"
#include "client/session_view.h"
#include "client/times.h"
#include "tools/cli/verb_argument.h"

namespace gatetape::tools {
namespace {

namespace v1 = audit::v1;
using client::Cell;
using client::CoveredSession;

struct Options {
  std::string id, since, until;
  bool all = false;
  std::string format = "table";
};

absl::Status cover_one(const Options& options, const client::Context& context,
                       client::AuditClient& client) {
  client::Output output(options.format, client::coverage_columns(), context.color);
  const auto covered = client::cover_session(
      client, options.id, [&](const CoverageRow& row) { output.add(client::coverage_cells(row)); });
  const absl::Status written = output.finish();
  if (!covered.ok()) return covered.status();
  if (!covered->tally.ended())
    std::fprintf(stderr, "the session has no end: this covers its first %lu frames\n",
                 covered->tally.frames());
  std::fprintf(stderr, "%s\n", covered->summary().c_str());
  return covered->accounted.ok() ? written : covered->accounted;
}

std::vector<client::Column> columns_of_all() {
  return {{"id"},
          {"frames", true, true},
          {"channels", true, true},
          {"requests", true, true},
          {"recorded", true, true},
          {"refused", true, true},
          {"opaque", true, true},
          {"bytes_recorded", true, true},
          {"bytes_opaque", true, true},
          {"bytes_late", false, true},
          {"accounted"},
          {"detail"}};
}

std::vector<Cell> cells_of_all(const std::string& id, const CoveredSession& covered) {
  const CoverageTally& tally = covered.tally;
  const CoverageTally::Sums& recorded = tally.sums(CoverageState::kRecorded);
  const CoverageTally::Sums& opaque = tally.sums(CoverageState::kOpaque);
  const bool accounted = covered.accounted.ok();
  return {Cell::of_text(id),
          Cell::of_number(tally.frames()),
          Cell::of_number(tally.channels()),
          Cell::of_number(tally.requests()),
          Cell::of_number(recorded.rows),
          Cell::of_number(tally.sums(CoverageState::kRefused).rows),
          Cell::of_number(opaque.rows),
          {recorded.bytes, client::format_bytes(recorded.bytes), nullptr},
          {opaque.bytes, client::format_bytes(opaque.bytes), nullptr},
          Cell::of_number(covered.late_bytes),
          {accounted, accounted ? "yes" : "no", accounted ? nullptr : "31"},
          Cell::of_text(std::string(covered.accounted.message()))};
}

absl::StatusOr<std::vector<std::string>> list_ids(const Options& options,
                                                  const client::Context& context,
                                                  client::AuditClient& client) {
  const auto range = client::parse_range({.since = options.since, .until = options.until},
                                         system_clock().wall_ns(), context.local_time);
  if (!range.ok()) return range.status();
  std::vector<std::string> ids;
  for (const char* kind : {"session", "forward"}) {
    v1::ListSessionsRequest request;
    request.set_kind(kind);
    request.set_since_unix_ns(range->since_ns);
    request.set_until_unix_ns(range->until_ns);
    const absl::Status status = client.list(request, [&](const v1::Session& session) {
      ids.push_back(client::id_text(session.session_id()));
      return true;
    });
    if (!status.ok()) return status;
  }
  return ids;
}

// A session that cannot be read is a row too: one bad session must not hide the others.
CoveredSession cover_row(client::AuditClient& client, const std::string& id) {
  auto covered = client::cover_session(client, id, [](const CoverageRow&) {});
  if (covered.ok()) return *std::move(covered);
  CoveredSession unread;
  unread.accounted = covered.status();
  return unread;
}

absl::Status cover_all(const Options& options, const client::Context& context,
                       client::AuditClient& client) {
  const auto ids = list_ids(options, context, client);
  if (!ids.ok()) return ids.status();
  client::Output output(options.format, columns_of_all(), context.color);
  size_t unaccounted = 0;
  for (const std::string& id : *ids) {
    const CoveredSession covered = cover_row(client, id);
    if (absl::IsUnavailable(covered.accounted)) return covered.accounted;
    if (!covered.accounted.ok()) unaccounted++;
    output.add(cells_of_all(id, covered));
  }
  const absl::Status written = output.finish();
  std::fprintf(stderr, "%zu sessions, %zu not accounted for\n", ids->size(), unaccounted);
  if (unaccounted == 0) return written;
  return absl::FailedPreconditionError(
      "the coverage of some sessions does not account for everything: see their detail");
}

absl::Status run(const Options& options, const client::Context& context) {
  if (absl::Status status = client::Output::check_format(options.format); !status.ok())
    return status;
  if (options.all == !options.id.empty())
    return absl::InvalidArgumentError("name one session, or use --all");
  if (!options.all && !(options.since + options.until).empty())
    return absl::InvalidArgumentError("--since and --until need --all");
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  return options.all ? cover_all(options, context, **client)
                     : cover_one(options, context, **client);
}

}  // namespace

void add_coverage(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<Options>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand(
      "coverage", "show what of each channel and request is recorded, refused or opaque");
  add_session_argument(verb, &options->id);
  verb->add_flag("--all", options->all, "one row with the sums of each session");
  verb->add_option(
      "--since", options->since,
      "with --all: sessions that started at or after: 2026-01-02T03:04:05Z, 2h, today");
  verb->add_option("--until", options->until, "with --all: sessions that started before");
  verb->add_option("-o,--output", options->format, "table (default), json, jsonl or csv");
  verb->callback([options, &context] { context.fail(run(*options, context)); });
}

}  // namespace gatetape::tools
