// gatetape-witness: cosigns the checkpoints of logs that only grow, on a machine that those who run
// the logs do not control.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/os/confine.h"
#include "base/os/daemon.h"
#include "base/os/http_server.h"
#include "log/witness_core.h"
#include "witness/config.h"
#include "witness/routes.h"
#include "witness/state_folder.h"

namespace gatetape::witness {
namespace {

constexpr char kProgram[] = "gatetape-witness";
constexpr char kHelp[] =
    "cosigns the checkpoints of transparency logs that only grow\n\n"
    "  --config FILE          the configuration, witness.toml\n"
    "  --make-key FILE NAME   makes a key for the key name NAME, prints its verifier key, and "
    "exits";

constexpr int kExitUsage = 2;

int fail(const absl::Status& status) {
  log_error("cannot_start", {{"error", std::string(status.message())}});
  return EXIT_FAILURE;
}

// make_key writes a new private key and prints the line that the log and its auditors need.
int make_key(const std::string& file, const std::string& name) {
  if (!is_key_name(name)) {
    std::fprintf(stderr, "%s: %s is no key name: it has no space, plus sign or control character\n",
                 kProgram, printable(name).c_str());
    return kExitUsage;
  }
  const NoteSigner signer{name, NoteKeyType::kCosignature, SigningKey::generate()};
  if (const absl::Status saved = signer.key.save(file); !saved.ok()) {
    std::fprintf(stderr, "%s: %s\n", kProgram, std::string(saved.message()).c_str());
    return EXIT_FAILURE;
  }
  std::printf("%s\n", signer.verifier_key().to_text().c_str());
  return EXIT_SUCCESS;
}

// restore sets what the folder holds, and logs what the witness begins with for each log.
absl::Status restore(const WitnessConfig& config, const StateFolder& state, WitnessCore* core) {
  const absl::StatusOr<std::vector<KeptCheckpoint>> kept = state.read_all();
  if (!kept.ok()) return kept.status();
  for (const KeptCheckpoint& one : *kept)
    if (absl::Status status = core->restore(one.origin, one.note); !status.ok()) return status;
  for (const VerifierKey& log : config.logs) {
    core->trust(log);
    const Checkpoint* newest = core->newest(log.name);
    log_info("log_known",
             {{"origin", log.name},
              {"cosigned_size", newest == nullptr ? "none" : std::to_string(newest->tree.size)}});
  }
  return absl::OkStatus();
}

HttpServerOptions server_options(const WitnessConfig& config) {
  return {.listen = config.listen,
          .certificate = config.certificate,
          .key = config.certificate_key,
          .body_bytes_max = kAddCheckpointBytesMax};
}

int serve(const WitnessConfig& config, const SigningKey& key, DaemonSignals* signals) {
  const NoteSigner signer{config.name, NoteKeyType::kCosignature, key};
  const auto state = StateFolder::open(config.state_dir);
  if (!state.ok()) return fail(state.status());
  WitnessCore core(signer, **state);
  if (const absl::Status status = restore(config, **state, &core); !status.ok())
    return fail(status);
  Routes routes(core, signer.verifier_key().to_text(), system_clock());
  const auto server = HttpServer::start(
      server_options(config),
      [&routes](const HttpServerRequest& request) { return routes.answer(request); });
  if (!server.ok()) return fail(server.status());
  log_info("started", {{"version", version()},
                       {"listen", config.listen},
                       {"vkey", signer.verifier_key().to_text()}});
  notify_ready();
  signals->run([] { log_info("nothing_to_reload"); });
  notify_stopping();
  log_info("stopped");
  return EXIT_SUCCESS;
}

int run(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--make-key") return make_key(argv[2], argv[3]);
  const DaemonArguments arguments = parse_daemon_arguments(argc, argv, kProgram, kHelp);
  DaemonSignals signals;
  start_log(kProgram, "info");
  const absl::StatusOr<WitnessConfig> config = WitnessConfig::load(arguments.config);
  if (!config.ok()) return fail(config.status());
  start_log(kProgram, config->log_level);
  if (const absl::Status confined = confine(); !confined.ok()) return fail(confined);
  const absl::StatusOr<SigningKey> key = SigningKey::load(config->key);
  if (!key.ok()) return fail(key.status());
  return serve(*config, *key, &signals);
}

}  // namespace
}  // namespace gatetape::witness

int main(int argc, char** argv) {
  try {
    return gatetape::witness::run(argc, argv);
  } catch (const std::exception& error) {
    gatetape::log_error("cannot_go_on", {{"error", error.what()}});
    return EXIT_FAILURE;
  }
}
