#include "tools/cli/verb_show.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "client/audit_client.h"
#include "client/frame_role.h"
#include "client/output.h"
#include "client/session_view.h"
#include "client/times.h"
#include "record/derived.h"
#include "tools/cli/verb_argument.h"

namespace gatetape::tools {
namespace {

namespace v1 = audit::v1;

struct Options {
  std::string id;
  std::string format = "table";
};

EventRow row_of(const v1::Event& event, const Event& fields) {
  const Frame frame{
      event.seq(), event.channel(), static_cast<FrameKind>(event.kind()), event.offset_ns(), {}};
  return derive_event(frame, fields);
}

client::Json json_of(const v1::Event& event) {
  const Event fields = client::fields_of(event);
  const EventRow row = row_of(event, fields);
  const std::string kind = kind_name(static_cast<FrameKind>(event.kind()));
  return {{"seq", row.seq},
          {"channel", row.channel},
          {"kind", kind},
          {"name", printable(row.name)},
          {"offset_s", static_cast<double>(row.offset_ns) / 1e9},
          {"text", row.text},
          {"fields", client::Json::parse(row.fields)}};
}

client::Json json_of(const v1::SessionDetail& detail, const client::Context& context) {
  client::Json out = client::Json::object();
  const std::vector<client::Column> columns = client::session_columns(detail.session().kind());
  const std::vector<client::Cell> cells =
      client::session_cells(detail.session(), context, system_clock().wall_ns());
  for (size_t i = 0; i < columns.size(); ++i) out[columns[i].name] = cells[i].value;
  const v1::Verdict& verdict = detail.verdict();
  out["verdict"] = {{"result", client::verdict_word(verdict)},
                    {"first_bad_seq", verdict.first_bad_seq()},
                    {"detail", printable(verdict.detail())},
                    {"gateway_key_id", printable(verdict.gateway_key_id())},
                    {"recorder_key_id", printable(verdict.recorder_key_id())}};
  out["events"] = client::Json::array();
  for (const v1::Event& event : detail.events()) out["events"].push_back(json_of(event));
  out["events_cut"] = detail.events_cut();
  return out;
}

void print_fact(const char* name, const std::string& value) {
  if (!value.empty()) std::printf("%-16s %s\n", name, printable(value).c_str());
}

// Fact is a line of the overview and the field of an event that holds its value.
struct Fact {
  const char* name;
  const char* key;
};

// facts_of returns what a frame of a kind adds to the overview beyond the session's row.
std::vector<Fact> facts_of(FrameKind kind) {
  switch (client::role_of(kind)) {
    case client::FrameRole::kOpening:
      return {{"client", "client_version"}, {"route", "route"}};
    case client::FrameRole::kTarget:
      return {{"server", "server_version"},
              {"host key", "host_key_fingerprint"},
              {"target login by", "auth"},
              {"certificate", "certificate_key_id"}};
    case client::FrameRole::kShown:
    case client::FrameRole::kTyped:
    case client::FrameRole::kRequest:
    case client::FrameRole::kOther:
      return {};
  }
  return {};
}

void print_connection(const v1::SessionDetail& detail) {
  for (const v1::Event& event : detail.events()) {
    const Event fields = client::fields_of(event);
    for (const Fact& fact : facts_of(static_cast<FrameKind>(event.kind())))
      print_fact(fact.name, std::string(fields.get(fact.key)));
  }
}

void print_session(const v1::SessionDetail& detail, const client::Context& context) {
  const v1::Session& session = detail.session();
  print_fact("session", client::id_text(session.session_id()) + " (" + session.kind() + ")");
  print_fact("state",
             session.state() + (session.end_reason().empty() ? "" : ": " + session.end_reason()));
  print_fact("user", session.user());
  print_fact("key", session.key_fingerprint());
  print_fact("source", session.source());
  if (!session.target().empty())
    print_fact("target",
               session.login() + "@" + session.target() + " (" + session.target_address() + ")");
  print_fact("rule", session.rule());
  print_fact("gateway", session.gateway());
  print_connection(detail);
  print_fact("started", time_cell(session.started_at_unix_ns(), context).text);
  print_fact("ended", time_cell(session.ended_at_unix_ns(), context).text);
  print_fact("bytes", absl::StrCat(session.bytes_in(), " in, ", session.bytes_out(), " out"));
  print_fact("frames", std::to_string(session.frames()));
  print_fact("head", to_hex(session.head()));
}

void print_verdict(const v1::Verdict& verdict) {
  std::string text = client::verdict_word(verdict);
  if (verdict.result() == v1::Verdict::RESULT_INTACT)
    text += ", signed by gateway " + verdict.gateway_key_id() + " and recorder " +
            verdict.recorder_key_id();
  if (!verdict.detail().empty()) text += ": " + verdict.detail();
  print_fact("verdict", text);
}

absl::Status print_events(const v1::SessionDetail& detail, const client::Context& context) {
  std::printf("\n");
  client::Output output("table", {{"at", true, true}, {"channel", true, true}, {"event"}, {"what"}},
                        context.color);
  for (const v1::Event& event : detail.events()) {
    const EventRow row = row_of(event, client::fields_of(event));
    const std::string kind = kind_name(static_cast<FrameKind>(event.kind()));
    const std::string name = kind == row.name ? kind : absl::StrCat(kind, " ", row.name);
    client::Cell at{nullptr, absl::StrFormat("%.3fs", static_cast<double>(row.offset_ns) / 1e9),
                    nullptr};
    output.add({at, client::Cell::of_number(row.channel), client::Cell::of_text(name),
                client::Cell::of_text(row.text)});
  }
  absl::Status status = output.finish();
  if (detail.events_cut())
    std::fprintf(stderr,
                 "there are more events than shown: `gatetape export -o json` writes all\n");
  return status;
}

absl::Status run(const Options& options, client::Context& context) {
  if (options.format != "table" && options.format != "json")
    return absl::InvalidArgumentError("\"" + printable(options.format) +
                                      "\" is not an output format of show: type -o table or json");
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  const auto detail = (*client)->get(options.id);
  if (!detail.ok()) return detail.status();
  if (options.format == "json") {
    std::printf("%s\n", client::as_ascii(json_of(*detail, context), 2).c_str());
    return absl::OkStatus();
  }
  print_session(*detail, context);
  print_verdict(detail->verdict());
  return print_events(*detail, context);
}

}  // namespace

void add_show(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<Options>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand("show", "show everything about one session");
  add_session_argument(verb, &options->id)->required();
  verb->add_option("-o,--output", options->format, "table (default) or json");
  verb->callback([options, &context] { context.fail(run(*options, context)); });
}

}  // namespace gatetape::tools
