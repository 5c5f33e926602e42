#include "tools/cli/verb_mirror.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/os/pause.h"
#include "base/toml.h"
#include "bundle/keys.h"
#include "client/output.h"
#include "client/times.h"
#include "tools/cli/mirror_round.h"

namespace gatetape::tools {
namespace {

constexpr size_t kDaySize = 10;  // of YYYY-MM-DD
constexpr int64_t kNsPerS = 1'000'000'000;
// A longest wait between two rounds of --watch, in seconds: a day. A mirror that looks less often
// finds a fork later than its folder has a place for.
constexpr uint32_t kWatchMaxS = 86400;

struct Options {
  std::string dir;
  std::string from;
  std::string key;
  std::string ca;
  std::string format = "text";
  uint32_t watch_s = 0;  // 0 = one round
};

absl::Status check(const Options& options) {
  if (options.format != "text" && options.format != "json")
    return absl::InvalidArgumentError("-o is text or json");
  const bool is_url = options.from.starts_with("http://") || options.from.starts_with("https://");
  if (!is_url && options.from.find("://") != std::string::npos)
    return absl::InvalidArgumentError(printable(options.from) +
                                      " is neither http:// nor https:// nor the path of a folder");
  return absl::OkStatus();
}

// of_one_log returns all keys together. A mirror is a copy of one log.
absl::StatusOr<TrustedKeys> of_one_log(const BundleKeys& keys) {
  TrustedKeys trusted{keys.logs.front().name, keys.logs};
  for (const VerifierKey& key : keys.logs)
    if (key.name != trusted.origin)
      return absl::InvalidArgumentError("it has keys of two logs: make one folder for each log");
  trusted.keys.insert(trusted.keys.end(), keys.witnesses.begin(), keys.witnesses.end());
  return trusted;
}

absl::StatusOr<TrustedKeys> read_keys(const Options& options) {
  const std::string path = options.key.empty() ? options.dir + "/log.vkey" : options.key;
  const absl::StatusOr<std::string> text = read_whole_file(path);
  if (!text.ok() && options.key.empty())
    return absl::InvalidArgumentError(absl::StrCat(
        "name a file with the verifier keys: --key FILE, or put them into ", printable(path)));
  if (!text.ok()) return text.status();
  const absl::StatusOr<BundleKeys> parsed = BundleKeys::parse(*text);
  absl::StatusOr<TrustedKeys> keys = parsed.ok() ? of_one_log(*parsed) : parsed.status();
  if (keys.ok()) return keys;
  return absl::InvalidArgumentError(
      absl::StrCat(printable(path), ": ", std::string(keys.status().message())));
}

std::string time_text(uint64_t time_s, bool local) {
  return client::format_time(static_cast<int64_t>(time_s) * kNsPerS, local);
}

client::Json json_of(const MirrorRound& round) {
  const Checkpoint& found = round.found.checkpoint;
  client::Json row = {{"verdict", std::string(to_text(round.finding.verdict))},
                      {"origin", printable(found.origin)},
                      {"size", found.tree.size},
                      {"root", to_base64(view(found.tree.root))},
                      {"previous_size", nullptr},
                      {"cosignatures", client::Json::array()},
                      {"reason", round.finding.reason}};
  if (round.kept) row["previous_size"] = round.kept->checkpoint.tree.size;
  for (const GoodSignature& one : round.found.cosignatures)
    row["cosignatures"].push_back(
        {{"name", printable(one.key.name)}, {"time", time_text(one.time_s, false)}});
  if (is_good(round.finding.verdict)) return row;
  row["kept"] = round.kept->note.to_text();
  row["found"] = round.found.note.to_text();
  return row;
}

void print_text(const MirrorRound& round, bool local) {
  const Checkpoint& found = round.found.checkpoint;
  std::string line =
      absl::StrCat(std::string(to_text(round.finding.verdict)), "  ", printable(found.origin),
                   "  size ", found.tree.size, "  root ", to_base64(view(found.tree.root)));
  for (const GoodSignature& one : round.found.cosignatures)
    absl::StrAppend(&line, "  cosigned by ", printable(one.key.name), " at ",
                    time_text(one.time_s, local));
  std::printf("%s\n", line.c_str());
}

// print_pair prints both checkpoints. A key name cannot hold a control character, and the rest of a
// checkpoint is made printable line by line.
void print_pair(const MirrorRound& round) {
  for (const TrustedCheckpoint* one : {&*round.kept, &round.found}) {
    std::string text = one->note.to_text();
    std::printf("---- %s\n", one == &round.found ? "found now" : "kept before");
    for (size_t end = 0; !text.empty(); text.erase(0, end + 1)) {
      end = text.find('\n');
      std::printf("%s\n", printable(text.substr(0, end)).c_str());
    }
  }
}

// report prints a round, and sets the exit code when the log contradicted itself.
void report(const MirrorRound& round, const Options& options, const MirrorFolder& folder,
            client::Context& context) {
  const bool good = is_good(round.finding.verdict);
  if (options.format == "json")
    std::printf("%s\n", client::as_ascii(json_of(round)).c_str());
  else
    print_text(round, context.local_time);
  if (!good && options.format == "text") print_pair(round);
  std::fflush(stdout);
  if (!good)
    context.fail(absl::DataLossError(absl::StrCat(
        round.finding.reason, "; both checkpoints are in ", folder.path("fork-1"), " and fork-2")));
}

// may_go_on returns true for a failure after which --watch tries again.
bool may_go_on(const absl::Status& status) { return absl::IsUnavailable(status); }

absl::Status run(const Options& options, client::Context& context) {
  if (absl::Status status = check(options); !status.ok()) return status;
  const absl::StatusOr<TrustedKeys> keys = read_keys(options);
  if (!keys.ok()) return keys.status();
  const MirrorFolder folder(options.dir);
  if (absl::Status status = folder.create(); !status.ok()) return status;
  MirrorSource source(options.from, options.ca);
  Pause pause;
  for (bool is_first = true;; is_first = false) {
    const std::string day = format_utc(system_clock().wall_ns()).substr(0, kDaySize);
    const absl::StatusOr<MirrorRound> round = mirror_round(source, folder, *keys, day);
    if (!round.ok() && (options.watch_s == 0 || !may_go_on(round.status()))) return round.status();
    if (!round.ok())
      std::fprintf(stderr, "gatetape: %s\n", std::string(round.status().message()).c_str());
    const bool is_news = round.ok() && (is_first || round->finding.verdict != MirrorVerdict::kSame);
    if (is_news) report(*round, options, folder, context);
    if (options.watch_s == 0 || context.exit_code != client::kExitOk) return absl::OkStatus();
    pause.wait(std::chrono::seconds(options.watch_s));
  }
}

}  // namespace

void add_mirror(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<Options>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand("mirror",
                                      "keep your own copy of the log's checkpoints; the exit code "
                                      "is 5 when the log contradicts it");
  verb->add_option("DIR", options->dir, "folder of the copy, which is made when it is missing")
      ->required();
  verb->add_option("URL", options->from,
                   "where the log is published: http://, https://, or the path of a folder")
      ->required();
  verb->add_option("--key", options->key,
                   "file with verifier keys of the log and of witnesses (default: DIR/log.vkey)");
  verb->add_option("--ca", options->ca, "PEM file of the CAs for https (default: the system's)");
  verb->add_option("--watch", options->watch_s, "go on, with a round every SECONDS")
      ->check(CLI::Range(1U, kWatchMaxS))
      ->type_name("SECONDS");
  verb->add_option("-o,--output", options->format, "text (default) or json: one object per round");
  verb->callback([options, &context] { context.fail(run(*options, context)); });
}

}  // namespace gatetape::tools
