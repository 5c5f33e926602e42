#include "tools/cli/verb_log.h"

#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "client/audit_client.h"
#include "client/output.h"
#include "client/session_view.h"
#include "client/times.h"
#include "tools/cli/verb_log_accept.h"

namespace gatetape::tools {
namespace {

namespace v1 = audit::v1;
using client::Json;

constexpr int64_t kNsPerS = 1'000'000'000;

struct Options {
  std::string format = "table";
  std::string checkpoints_format = "table";
  uint32_t limit = 100;
};

Json cosignatures_of(const v1::LogCheckpoint& checkpoint, const client::Context& context) {
  Json all = Json::array();
  for (const v1::Cosignature& one : checkpoint.cosignatures())
    all.push_back(
        {{"name", printable(one.name())},
         {"at", client::format_rfc3339(one.time_unix_s() * kNsPerS, context.local_time)}});
  return all;
}

std::string cosigners_of(const v1::LogCheckpoint& checkpoint, const client::Context& context) {
  std::string text;
  for (const v1::Cosignature& one : checkpoint.cosignatures())
    absl::StrAppend(&text, text.empty() ? "" : ", ", printable(one.name()), " at ",
                    client::format_time(one.time_unix_s() * kNsPerS, context.local_time));
  return text.empty() ? "nobody" : text;
}

double age_s(const v1::LogCheckpoint& checkpoint) {
  const int64_t age_ns = system_clock().wall_ns() - checkpoint.at_unix_ns();
  return static_cast<double>(age_ns) / static_cast<double>(kNsPerS);
}

Json json_of(const v1::LogCheckpoint& checkpoint, const client::Context& context) {
  return {{"n", checkpoint.n()},
          {"size", checkpoint.size()},
          {"root", to_base64(checkpoint.root())},
          {"at", client::format_rfc3339(checkpoint.at_unix_ns(), context.local_time)},
          {"epoch", checkpoint.epoch()},
          {"cosignatures", cosignatures_of(checkpoint, context)},
          {"note", is_utf8(checkpoint.note()) ? checkpoint.note() : std::string()},
          {"fault", printable(checkpoint.fault())}};
}

Json json_of(const v1::WitnessHealth& witness) {
  return {{"name", printable(witness.name())},
          {"url", printable(witness.url())},
          {"ok", witness.ok()},
          {"refuses", witness.refuses()},
          {"detail", printable(witness.detail())},
          {"cosigned_size", witness.cosigned_size()}};
}

void print_json(const v1::LogStatus& log, const client::Context& context) {
  const v1::LogHealth& health = log.health();
  Json out = {{"origin", printable(log.origin())},
              {"newest", nullptr},
              {"age_s", nullptr},
              {"lag_s", health.lag_s()},
              {"sequencer", printable(health.sequencer())},
              {"reason", printable(health.reason())},
              {"rolled_back", health.rolled_back()},
              {"refused_entries", health.refused_entries()},
              {"publishing", printable(health.publishing())},
              {"witnesses", Json::array()}};
  if (log.has_newest()) {
    out["newest"] = json_of(log.newest(), context);
    out["age_s"] = age_s(log.newest());
  }
  for (const v1::WitnessHealth& witness : health.witnesses())
    out["witnesses"].push_back(json_of(witness));
  std::printf("%s\n", client::as_ascii(out, 2).c_str());
}

void print_checkpoint(const v1::LogStatus& log, const client::Context& context) {
  if (!log.has_newest()) {
    std::printf("checkpoint  none is stored\n");
    return;
  }
  const v1::LogCheckpoint& newest = log.newest();
  std::printf("checkpoint  %lu leaves, %.1f s old, epoch %lu\nroot        %s\ncosigned    %s\n",
              newest.size(), age_s(newest), newest.epoch(), to_base64(newest.root()).c_str(),
              cosigners_of(newest, context).c_str());
  if (!newest.fault().empty()) std::printf("fault       %s\n", printable(newest.fault()).c_str());
}

void print_text(const v1::LogStatus& log, const client::Context& context) {
  const v1::LogHealth& health = log.health();
  std::printf("log         %s\n", printable(log.origin()).c_str());
  print_checkpoint(log, context);
  std::printf("sequencer   %s%s%s\nlag         %.1f s\n", printable(health.sequencer()).c_str(),
              health.reason().empty() ? "" : ": ", printable(health.reason()).c_str(),
              health.lag_s());
  if (health.refused_entries() > 0)
    std::printf("refused     %lu entries\n", health.refused_entries());
  if (!health.publishing().empty())
    std::printf("published   no: %s\n", printable(health.publishing()).c_str());
  for (const v1::WitnessHealth& witness : health.witnesses())
    std::printf("witness     %s: %s\n", printable(witness.name()).c_str(),
                witness.detail().empty() ? "ok" : printable(witness.detail()).c_str());
}

absl::StatusOr<v1::LogStatus> ask(const client::Context& context) {
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  return (*client)->log();
}

absl::Status show(const Options& options, const client::Context& context) {
  const auto log = ask(context);
  if (!log.ok()) return log.status();
  if (options.format == "json")
    print_json(*log, context);
  else
    print_text(*log, context);
  return absl::OkStatus();
}

absl::Status print_key(const client::Context& context) {
  const auto log = ask(context);
  if (!log.ok()) return log.status();
  if (log->vkey().empty())
    return absl::NotFoundError(
        "this auditd has no log key: set log_key under [auditd] where the log is sequenced");
  std::printf("%s\n", printable(log->vkey()).c_str());
  return absl::OkStatus();
}

absl::Status list_checkpoints(const Options& options, const client::Context& context) {
  if (absl::Status status = client::Output::check_format(options.checkpoints_format); !status.ok())
    return status;
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  client::Output output(options.checkpoints_format,
                        {{"n", true, true},
                         {"size", true, true},
                         {"root"},
                         {"at"},
                         {"epoch", true, true},
                         {"cosignatures", true, false, "COSIGNED BY"},
                         {"note", false},
                         {"fault", false}},
                        context.color);
  const absl::Status listed =
      (*client)->checkpoints(options.limit, [&](const v1::LogCheckpoint& one) {
        const Json json = json_of(one, context);
        output.add({client::Cell::of_number(one.n()), client::Cell::of_number(one.size()),
                    client::Cell::of_text(to_base64(one.root())),
                    client::time_cell(one.at_unix_ns(), context),
                    client::Cell::of_number(one.epoch()),
                    client::Cell{json["cosignatures"], cosigners_of(one, context)},
                    client::Cell{json["note"], ""}, client::Cell::of_text(one.fault())});
        return true;
      });
  const absl::Status written = output.finish();
  return listed.ok() ? written : listed;
}

}  // namespace

void add_log(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<Options>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand("log", "show the newest checkpoint of the signed log");
  verb->add_option("-o,--output", options->format, "table (default) or json")
      ->check(CLI::IsMember({"table", "json"}));
  CLI::App* key = verb->add_subcommand("key", "print the log's verifier key, one line");
  CLI::App* checkpoints =
      verb->add_subcommand("checkpoints", "list stored checkpoints, newest last");
  checkpoints->add_option("-o,--output", options->checkpoints_format,
                          "table (default), json, jsonl or csv");
  checkpoints->add_option("--limit", options->limit, "list the newest N (default 100)")
      ->check(CLI::Range(1, 100'000));
  add_log_accept(*verb, context);
  verb->callback([verb, options, key, checkpoints, &context] {
    if (key->parsed())
      context.fail(print_key(context));
    else if (checkpoints->parsed())
      context.fail(list_checkpoints(*options, context));
    else if (verb->get_subcommands().empty())
      context.fail(show(*options, context));
  });
}

}  // namespace gatetape::tools
