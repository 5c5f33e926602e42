// gatetape-recorder: the write path into PostgreSQL, and nothing else.
#include <malloc.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/os/confine.h"
#include "base/os/daemon.h"
#include "base/os/metrics.h"
#include "base/os/tls_files.h"
#include "policy/config.h"
#include "recorder/checkpoint_watch.h"
#include "recorder/committer.h"
#include "recorder/disk_watch.h"
#include "recorder/pg_store.h"
#include "recorder/service.h"

namespace gatetape::recorder {
namespace {

// How long a stopping recorder waits for its streams to end. After that they are cancelled; 10 s is
// far longer than a commit takes, and shorter than the stop timeout of systemd (90 s).
constexpr std::chrono::seconds kDrain(10);

// StoreState passes on to the log, to systemd and to the health check whether the database is
// reached. The committer thread reports; the main thread sets the server while there is one.
class StoreState {
 public:
  void report(const absl::Status& store) {
    if (store.ok())
      log_info("database_reached");
    else
      log_error("database_lost", {{"error", std::string(store.message())}});
    notify_status(store.ok() ? "recording"
                             : "nothing can be recorded: see database_lost in the log");
    const absl::MutexLock lock(&mutex_);
    open_ = store.ok();
    if (server_ != nullptr) server_->set_serving(open_);
  }
  void set_server(Server* server) {
    const absl::MutexLock lock(&mutex_);
    server_ = server;
    if (server_ != nullptr) server_->set_serving(open_);
  }

 private:
  absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  Server* server_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

// keep_freed_memory stops malloc from returning the memory of large messages to the kernel: fresh
// pages take a quarter of the time of a bulk stream.
void keep_freed_memory() {
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  mallopt(M_TOP_PAD, 16 << 20);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

std::vector<Metrics::Figure> figures_of(const Config& config, Committer* committer) {
  using Kind = Metrics::Kind;
  const auto of = [committer](Kind kind, const char* name, const char* help,
                              double (*read)(const Committer::Figures&)) {
    return Metrics::figure(kind, name, help,
                           [committer, read] { return read(committer->figures()); });
  };
  using Figures = Committer::Figures;
  return {
      of(Kind::kGauge, "gatetape_recorder_database_up", "1 while the database is connected.",
         [](const Figures& now) { return now.store_is_open ? 1.0 : 0.0; }),
      of(Kind::kGauge, "gatetape_recorder_queue_bytes", "Bytes of work that wait for their commit.",
         [](const Figures& now) { return static_cast<double>(now.queued_bytes); }),
      of(Kind::kCounter, "gatetape_recorder_rounds_total",
         "Rounds of the committer: commits, and refusals.",
         [](const Figures& now) { return static_cast<double>(now.rounds); }),
      of(Kind::kCounter, "gatetape_recorder_failed_rounds_total",
         "Rounds after which the database was reopened.",
         [](const Figures& now) { return static_cast<double>(now.failed_rounds); }),
      of(Kind::kCounter, "gatetape_recorder_round_seconds_total", "Duration of all rounds.",
         [](const Figures& now) { return now.round_seconds; }),
      of(Kind::kCounter, "gatetape_recorder_frame_bytes_total", "Bytes of work in all rounds.",
         [](const Figures& now) { return static_cast<double>(now.bytes); }),
      of(Kind::kCounter, "gatetape_recorder_lists_total", "Heads lists that were committed.",
         [](const Figures& now) { return static_cast<double>(now.lists); }),
      disk_figure(config.dir)};
}

int fail(const absl::Status& status) {
  log_error("cannot_start", {{"error", std::string(status.message())}});
  return EXIT_FAILURE;
}

Committer::Options committer_options(const Config& config, const SigningKey& key,
                                     StoreState* state) {
  return {.queue_bytes_max = config.recorder.queue_bytes_max,
          .on_store_state = [state](const absl::Status& store) { state->report(store); },
          .on_upkeep_failed =
              [](const absl::Status& status) {
                log_warn("upkeep_failed", {{"error", std::string(status.message())}});
              },
          .key = &key};
}

int serve(const Config& config, const SigningKey& key, DaemonSignals* signals) {
  const DiskWatch disk_watch(config.dir);
  StoreState state;
  Committer committer(std::make_unique<PgStore>(
                          PgStoreOptions{.conninfo = config.recorder.database,
                                         .timeout_s = config.recorder.commit_timeout_s,
                                         .synchronous_commit = config.recorder.synchronous_commit}),
                      committer_options(config, key, &state));
  const absl::StatusOr<std::unique_ptr<Metrics>> metrics =
      Metrics::serve(config.recorder.metrics_listen, figures_of(config, &committer));
  if (!metrics.ok()) return fail(metrics.status());
  CheckpointWatch checkpoints(
      {.conninfo = config.recorder.database, .timeout_s = config.recorder.commit_timeout_s});
  Service service(&committer, &key, &checkpoints);
  const absl::StatusOr<std::unique_ptr<Server>> server =
      Server::start(config.recorder.listen, config.tls, &service, config.recorder.allowed_users);
  if (!server.ok()) return fail(server.status());
  state.set_server(server->get());
  log_info(
      "started",
      {{"version", version()}, {"listen", config.recorder.listen}, {"key", key.public_key().id()}});
  notify_ready();
  signals->run([] { log_info("nothing_to_reload"); });
  notify_stopping();
  state.set_server(nullptr);
  (*server)->stop(kDrain);
  committer.stop();
  log_info("stopped");
  return EXIT_SUCCESS;
}

int run(int argc, char** argv) {
  const DaemonArguments arguments = parse_daemon_arguments(
      argc, argv, "gatetape-recorder", "writes what gateways record into PostgreSQL");
  DaemonSignals signals;
  keep_freed_memory();
  start_log("gatetape-recorder", "info");
  const absl::StatusOr<Config> config = Config::load(arguments.config);
  if (!config.ok()) return fail(config.status());
  start_log("gatetape-recorder", config->log_level);
  if (const absl::Status confined = confine(); !confined.ok()) return fail(confined);
  const absl::Status tls = check_tls_files(
      {.endpoints = {config->recorder.listen}, .tls = config->tls, .role = PeerRole::kRecorder},
      system_clock().wall_ns() / 1'000'000'000);
  if (!tls.ok()) return fail(tls);
  const absl::StatusOr<SigningKey> key = SigningKey::load(config->recorder.signing_key);
  if (!key.ok()) return fail(key.status());
  return serve(*config, *key, &signals);
}

}  // namespace
}  // namespace gatetape::recorder

int main(int argc, char** argv) {
  try {
    return gatetape::recorder::run(argc, argv);
  } catch (const std::exception& error) {
    gatetape::log_error("cannot_go_on", {{"error", error.what()}});
    return EXIT_FAILURE;
  }
}
