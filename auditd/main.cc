// gatetape-auditd does everything that reads the record: list, search, replay, verify. It writes
// only its own system session, with a frame for each question that it is asked.

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "auditd/heartbeat.h"
#include "auditd/nightly.h"
#include "auditd/query_log.h"
#include "auditd/read/database.h"
#include "auditd/seal/make_sealer.h"
#include "auditd/service.h"
#include "auditd/verify/verifier.h"
#include "base/clock.h"
#include "base/os/confine.h"
#include "base/os/daemon.h"
#include "base/os/grpc_values.h"
#include "base/os/metrics.h"
#include "base/os/tls_files.h"
#include "base/os/unix_listener.h"
#include "policy/config.h"
#include "tee/record_link.h"
#include "tee/system_log.h"

namespace gatetape::auditd {
namespace {

// Calls beyond this number wait for a connection: each may run one statement on the server.
constexpr int kConnectionsMax = 8;
constexpr std::chrono::seconds kHeartbeat(20);
// Calls that still run when the daemon stops have this long to end before they are cancelled.
constexpr std::chrono::seconds kDrain(2);

// RecordedQueries writes questions into the daemon's system session.
class RecordedQueries : public QueryLog {
 public:
  explicit RecordedQueries(tee::SystemLog& log) : log_(log) {}
  absl::Status record(const Event& event) override {
    recorded_++;
    return log_.record(FrameKind::kQuery, event);
  }
  uint64_t recorded() const { return recorded_; }

 private:
  tee::SystemLog& log_;
  std::atomic<uint64_t> recorded_{0};
};

// write_heartbeat writes into the daemon's system session that it runs.
void write_heartbeat(tee::SystemLog& log) {
  Event event{{"live_sessions", "0"}};
  event.add("wall_ns", std::to_string(system_clock().wall_ns()));
  log.record_async(FrameKind::kHeartbeat, event, nullptr);
}

absl::StatusOr<TrustedKeys> load_trusted_keys(const AuditdConfig& config) {
  absl::StatusOr<std::vector<PublicKey>> writers = read_keys(config.writer_keys);
  if (!writers.ok()) return writers.status();
  absl::StatusOr<std::vector<PublicKey>> recorders = read_keys(config.recorder_keys);
  if (!recorders.ok()) return recorders.status();
  return TrustedKeys{.writers = *std::move(writers), .recorders = *std::move(recorders)};
}

// load_log_trust returns what the log is verified by. Without a log key the log is not verified.
absl::StatusOr<LogTrust> load_log_trust(const Config& config) {
  LogTrust trust{.origin = config.log.origin,
                 .keys = {},
                 .publish_dir = config.log.publish_dir,
                 .unterminated_after_s = config.log.unterminated_after_s};
  const absl::StatusOr<NoteSigner> key = load_log_key(config);
  if (absl::IsNotFound(key.status())) return trust;
  if (!key.ok()) return key.status();
  trust.keys.push_back(key->verifier_key());
  return trust;
}

absl::StatusOr<std::unique_ptr<UnixListener>> listen(const AuditdConfig& config) {
  const absl::StatusOr<std::vector<uid_t>> allowed = user_ids(config.allowed_users);
  if (!allowed.ok()) return allowed.status();
  return UnixListener::open(config.listen.substr(5), *allowed);
}

// Measured is what the daemon's figures read. All of it outlives them.
struct Measured {
  tee::RecordLink& link;
  const RecordedQueries& queries;
  const Nightly& nightly;
  Sealer* sealer;  // null when the daemon seals nothing
};

// serve_metrics serves the daemon's figures.
absl::StatusOr<std::unique_ptr<Metrics>> serve_metrics(const Config& config,
                                                       const Measured& measured) {
  std::vector<Metrics::Figure> figures = {
      Metrics::figure(Metrics::Kind::kGauge, "gatetape_auditd_recorder_connected",
                      "1 while a recorder answers.",
                      [&link = measured.link] { return link.connected() ? 1.0 : 0.0; }),
      Metrics::figure(
          Metrics::Kind::kCounter, "gatetape_auditd_queries_total",
          "Questions that were recorded, or should have been.",
          [&queries = measured.queries] { return static_cast<double>(queries.recorded()); }),
      Metrics::figure(
          Metrics::Kind::kGauge, "gatetape_verify_tampered",
          "Verdicts `tampered` of the last verification of a night.",
          [&nightly = measured.nightly] { return static_cast<double>(nightly.tampered()); }),
      disk_figure(config.dir)};
  if (measured.sealer != nullptr)
    for (Metrics::Figure& figure : log_figures(*measured.sealer))
      figures.push_back(std::move(figure));
  return Metrics::serve(config.auditd.metrics_listen, std::move(figures));
}

// Serving is what answers calls.
struct Serving {
  Service& service;
  UnixListener& listener;
  const std::string& address;
  tee::SystemLog& log;
  Nightly& nightly;
};

// answer answers calls until a signal ends the daemon.
absl::Status answer(const Serving& serving, DaemonSignals& signals) {
  grpc::ServerBuilder builder;
  builder.RegisterService(&serving.service);
  serving.listener.attach(&builder);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) return absl::InternalError("gRPC does not start");
  serving.listener.start();
  {
    const Heartbeat heartbeat(
        {.period = kHeartbeat, .beat = [&serving] { write_heartbeat(serving.log); }});
    const Heartbeat nightly({.period = kHeartbeat, .beat = [&serving] { serving.nightly.tick(); }});
    notify_ready();
    log_info("auditd_ready", {{"listen", serving.address}});
    signals.run([] { log_info("nothing_to_reload"); });
    notify_stopping();
    serving.nightly.stop();
    serving.listener.close();
    server->Shutdown(grpc_deadline(kDrain));
  }
  if (absl::Status status = serving.log.stop("signal"); !status.ok())
    log_warn("end_not_recorded", {{"reason", std::string(status.message())}});
  return absl::OkStatus();
}

absl::Status serve(const Config& config, DaemonSignals& signals) {
  if (absl::Status confined = confine(); !confined.ok()) return confined;
  const absl::Status tls =
      check_tls_files({.endpoints = config.recorders, .tls = config.tls, .role = PeerRole::kAuditd},
                      system_clock().wall_ns() / 1'000'000'000);
  if (!tls.ok()) return tls;
  absl::StatusOr<TrustedKeys> trusted = load_trusted_keys(config.auditd);
  if (!trusted.ok()) return trusted.status();
  absl::StatusOr<SigningKey> key = SigningKey::load(config.auditd.signing_key);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::unique_ptr<UnixListener>> listener = listen(config.auditd);
  if (!listener.ok()) return listener.status();

  tee::RecordLink link({config.recorders, config.tls});
  tee::SystemLog log(link, system_clock(), *key,
                     {.name = config.name + "/auditd", .program = "gatetape-auditd"});
  const absl::StatusOr<std::vector<VerifierKey>> witnesses = read_witnesses(config.log);
  if (!witnesses.ok()) return witnesses.status();
  const absl::StatusOr<std::unique_ptr<Sealer>> sealer =
      make_sealer(config, *trusted, key->public_key());
  if (!sealer.ok()) return sealer.status();
  RecordedQueries queries(log);
  const absl::StatusOr<LogTrust> log_trust = load_log_trust(config);
  if (!log_trust.ok()) return log_trust.status();
  Database database({.conninfo = config.auditd.database, .connections_max = kConnectionsMax});
  Service service(
      {.database = database,
       .log = queries,
       .trusted = *trusted,
       .log_trust = *log_trust,
       .clock = system_clock(),
       .issuer = *key,
       .witnesses = *witnesses,
       .seal_state = [&sealer]() -> std::optional<SealState> {
         if (*sealer == nullptr) return std::nullopt;
         return (*sealer)->state();
       },
       .recorder_health =
           [&link] { return link.connected() ? std::string("ok") : link.last_error(); }});
  const absl::Cleanup stop_link = [&link] { link.stop(); };
  Nightly nightly(
      {.clock = system_clock(),
       .verify =
           [&](const VerifyRange& range, const std::function<bool()>& is_unwanted,
               VerifyAll::Emit emit) {
             return VerifyAll({.trusted = *trusted,
                               .log = *log_trust,
                               .clock = system_clock(),
                               .lease = [&] { return database.lease(is_unwanted); }},
                              range)
                 .run(emit);
           },
       .record = [&log](const Event& event) { return log.record(FrameKind::kVerdict, event); }});
  const auto metrics = serve_metrics(
      config, {.link = link, .queries = queries, .nightly = nightly, .sealer = sealer->get()});
  if (!metrics.ok()) return metrics.status();
  return answer({.service = service,
                 .listener = **listener,
                 .address = config.auditd.listen,
                 .log = log,
                 .nightly = nightly},
                signals);
}

}  // namespace
}  // namespace gatetape::auditd

int main(int argc, char** argv) {
  using namespace gatetape;
  DaemonSignals signals;
  const DaemonArguments arguments = parse_daemon_arguments(
      argc, argv, "gatetape-auditd", "lists, searches, replays and verifies the record");
  try {
    const absl::StatusOr<Config> config = Config::load(arguments.config);
    start_log("gatetape-auditd", config.ok() ? config->log_level : "info");
    const absl::Status status =
        config.ok() ? gatetape::auditd::serve(*config, signals) : config.status();
    if (status.ok()) return 0;
    log_error("auditd_failed", {{"reason", std::string(status.message())}});
  } catch (const std::exception& error) {
    log_error("auditd_failed", {{"reason", error.what()}});
  }
  return 1;
}
