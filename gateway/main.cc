// gatetape-gateway: the daemon that people and targets meet. Holds no database credential: all that
// it decides and forwards goes to a recorder first.
#include <libssh/libssh.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/os/confine.h"
#include "base/os/daemon.h"
#include "base/os/metrics.h"
#include "base/os/tls_files.h"
#include "base/toml.h"
#include "gateway/acceptor.h"
#include "gateway/access_files.h"
#include "gateway/banner_file.h"
#include "gateway/loop.h"
#include "gateway/memory_watch.h"
#include "gateway/pulse.h"
#include "gateway/reach/ares_names.h"
#include "gateway/reach/resolver.h"
#include "gateway/rollback_guard.h"
#include "gateway/services.h"
#include "gateway/session/access_rules.h"
#include "gateway/ssh/connection.h"
#include "gateway/ssh/setup.h"

namespace gatetape::gateway {
namespace {

constexpr int64_t kShutdownGraceNs = 10'000'000'000;

int fail(const absl::Status& status) {
  log_error("cannot_start", {{"error", std::string(status.message())}});
  return 1;
}

struct Keys {
  SigningKey signing;
  SigningKey user_ca;
  SigningKey host_ca;
  SigningKey host;
};

absl::StatusOr<Keys> load_keys(const GatewayConfig& config) {
  const absl::StatusOr<SigningKey> signing = SigningKey::load(config.signing_key);
  if (!signing.ok()) return signing.status();
  const absl::StatusOr<SigningKey> user_ca = SigningKey::load(config.user_ca);
  if (!user_ca.ok()) return user_ca.status();
  const absl::StatusOr<SigningKey> host_ca = SigningKey::load(config.host_ca);
  if (!host_ca.ok()) return host_ca.status();
  const absl::StatusOr<SigningKey> host = SigningKey::load(config.host_key);
  if (!host.ok()) return host.status();
  return Keys{.signing = *signing, .user_ca = *user_ca, .host_ca = *host_ca, .host = *host};
}

// FirstLoads is what the gateway reads when it starts: access.toml and, when that is bad, the rules
// that took effect last.
struct FirstLoads {
  AccessLoad file;
  std::optional<AccessLoad> kept;
  const AccessLoad& used() const { return kept ? *kept : file; }
};

FirstLoads load_first(const std::string& path) {
  FirstLoads loads{.file = load_access(path), .kept = std::nullopt};
  if (!loads.file.status().ok()) loads.kept = load_kept_access(path);
  return loads;
}

void keep(const AccessLoad& load) {
  if (load.is_fallback()) return;
  if (const absl::Status kept = keep_access(load); !kept.ok())
    log_warn("access_not_kept", {{"reason", std::string(kept.message())}});
}

// Records a load, and logs what becomes of it. `use` gets the rules when they take effect.
void record_access_load(tee::SystemLog& log, const AccessLoad& load,
                        std::function<void(std::shared_ptr<const Access>)> use) {
  if (!load.status().ok())
    log_error("access_refused", {{"error", std::string(load.status().message())}});
  load.take_effect(
      [&log](FrameKind kind, const Event& event, AccessLoad::Done done) {
        log.record_async(kind, event, [done = std::move(done)](const absl::Status& recorded) {
          if (!recorded.ok())
            log_error("access_not_recorded", {{"reason", std::string(recorded.message())}});
          done(recorded);
        });
      },
      [load, use = std::move(use)](std::shared_ptr<const Access> rules) {
        use(std::move(rules));
        keep(load);
        log_info("access_loaded", {{"path", load.path()}, {"sha256", load.sha256()}});
      });
}

std::vector<Metrics::Figure> figures_of(Services& services) {
  using Kind = Metrics::Kind;
  return {
      Metrics::figure(Kind::kGauge, "gatetape_gateway_live_sessions", "Sessions that go on.",
                      [&services] { return static_cast<double>(services.live_sessions.load()); }),
      Metrics::figure(Kind::kGauge, "gatetape_gateway_recorder_connected",
                      "1 while a recorder answers.",
                      [&services] { return services.link.connected() ? 1.0 : 0.0; }),
      Metrics::figure(Kind::kGauge, "gatetape_gateway_unacknowledged_frames",
                      "Frames that wait for the recorder; what stays is a freeze.",
                      [&services] { return static_cast<double>(services.link.unacknowledged()); }),
      Metrics::figure(Kind::kCounter, "gatetape_gateway_refused_connections_total",
                      "Connections that ended before a session, for a limit or what the peer sent.",
                      [&services] { return static_cast<double>(services.refusals.total()); }),
      disk_figure(services.config.dir)};
}

std::vector<Metrics::Figure> memory_figures_of(const MemoryBudget& memory) {
  using Kind = Metrics::Kind;
  return {Metrics::figure(Kind::kGauge, "gatetape_gateway_memory_bytes",
                          "Resident memory of the process.",
                          [&memory] { return static_cast<double>(memory.process_bytes()); }),
          Metrics::figure(Kind::kGauge, "gatetape_gateway_memory_max_bytes",
                          "The budget of that memory: [gateway] memory_max.",
                          [&memory] { return static_cast<double>(memory.bytes_max()); }),
          Metrics::figure(Kind::kGauge, "gatetape_gateway_channel_bytes",
                          "Bytes that channels hold, or that their peers may still send.",
                          [&memory] { return static_cast<double>(memory.channel_bytes()); }),
          Metrics::figure(Kind::kGauge, "gatetape_gateway_memory_pressure",
                          "1 while windows are small, 2 while new channels are denied, else 0.",
                          [&memory] { return static_cast<double>(memory.pressure()); })};
}

// `guard` is null when nothing is guarded.
std::vector<Metrics::Figure> guard_figures_of(RollbackGuard* guard) {
  if (guard == nullptr) return {};
  using Kind = Metrics::Kind;
  return {Metrics::figure(Kind::kGauge, "gatetape_gateway_rolled_back",
                          "1 while sessions are refused, because the database is an older one.",
                          [guard] { return guard->is_rolled_back() ? 1.0 : 0.0; }),
          Metrics::figure(Kind::kGauge, "gatetape_gateway_checkpoint_size",
                          "Size of the newest checkpoint of the log that was verified.",
                          [guard] { return static_cast<double>(guard->known_size()); })};
}

std::vector<Metrics::Figure> all_figures_of(Services& services) {
  std::vector<Metrics::Figure> figures = figures_of(services);
  for (Metrics::Figure& figure : memory_figures_of(services.memory))
    figures.push_back(std::move(figure));
  for (Metrics::Figure& figure : guard_figures_of(services.rollback_guard))
    figures.push_back(std::move(figure));
  return figures;
}

void prepare_process() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
  setrlimit(RLIMIT_NOFILE, &limit);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);  // give pages back late: fresh heap costs page faults
  ssh_init();
}

// Loops owns the event loops and, while they run, their threads.
class Loops {
 public:
  explicit Loops(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) loops_.push_back(std::make_unique<Loop>(system_clock()));
  }
  Loop& front() { return *loops_.front(); }
  std::vector<Loop*> borrowed() const {
    std::vector<Loop*> loops;
    for (const auto& loop : loops_) loops.push_back(loop.get());
    return loops;
  }
  void start() {
    threads_.reserve(loops_.size());
    for (const auto& loop : loops_) threads_.emplace_back([&loop] { loop->run(); });
  }
  // on_rules_changed makes every connection compare itself with the rules in force.
  void on_rules_changed() {
    for (const auto& loop : loops_) loop->on_rules_changed();
  }
  // stop ends every session, and returns when all threads have ended.
  void stop(const std::string& reason) {
    for (const auto& loop : loops_) loop->stop(reason, kShutdownGraceNs);
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::thread> threads_;
};

// reload_banner reads the banner again. A file that cannot be used changes nothing.
void reload_banner(const std::string& path, BannerBox& box) {
  absl::StatusOr<std::string> banner = load_banner(path);
  if (!banner.ok())
    return log_error("banner_refused", {{"error", std::string(banner.status().message())}});
  box.set(std::make_shared<const std::string>(*std::move(banner)));
}

// serve_until_signalled runs the loops until SIGTERM; SIGHUP loads the access rules and the banner
// again.
void serve_until_signalled(Services& services, Loops& loops, Acceptor& acceptor,
                           DaemonSignals& signals) {
  loops.front().adopt(std::make_unique<Pulse>(services));
  loops.front().adopt(std::make_unique<MemoryWatch>(services.memory));
  loops.start();
  notify_ready();
  const std::string& access_file = services.config.gateway.access_file;
  signals.run([&] {
    notify_reloading();
    reload_banner(services.config.gateway.banner, services.banner);
    record_access_load(services.log, load_access(access_file),
                       [&access = services.access, &loops](std::shared_ptr<const Access> rules) {
                         access.set(std::move(rules));
                         loops.on_rules_changed();
                       });
    notify_ready();
  });
  notify_stopping();
  log_info("stopping");
  loops.front().post([&] { acceptor.stop(); });
  loops.stop("the gateway is shutting down");
  services.resolver.stop();  // Its answers are posted to the loops.
  services.refusals.flush(true);
  services.refused_logins.flush(true);
  const absl::Status stopped = services.log.stop("shutdown");
  if (!stopped.ok()) log_warn("stop_not_recorded", {{"reason", std::string(stopped.message())}});
}

absl::Status serve(const Config& config, const Keys& keys, const FirstLoads& loaded,
                   DaemonSignals& signals) {
  const GatewayConfig& gateway = config.gateway;
  const absl::StatusOr<ssh_bind> bind = make_bind(keys.host, gateway.algorithms);
  if (!bind.ok()) return bind.status();
  const absl::Cleanup free_bind = [&] { ssh_bind_free(*bind); };
  const absl::StatusOr<std::string> banner_text = load_banner(gateway.banner);
  if (!banner_text.ok()) return banner_text.status();
  BannerBox banner(std::make_shared<const std::string>(*banner_text));
  absl::StatusOr<std::unique_ptr<RollbackGuard>> guard = RollbackGuard::open(gateway);
  if (!guard.ok()) return guard.status();
  tee::RecordLink link(
      {.endpoints = config.recorders, .tls = config.tls, .checkpoints = guard->get()});
  tee::SystemLog log(link, system_clock(), keys.signing,
                     {.name = config.name, .program = "gatetape-gateway"});
  record_access_load(log, loaded.file, [](const std::shared_ptr<const Access>&) {});
  if (loaded.kept)
    record_access_load(log, *loaded.kept, [](const std::shared_ptr<const Access>&) {});
  AccessBox access(loaded.used().rules());
  Startups startups({.unauthenticated = gateway.max_startups,
                     .drop_from = gateway.max_startups_start,
                     .drop_rate = gateway.max_startups_rate,
                     .unauthenticated_per_source = gateway.max_startups_per_source,
                     .connections_per_source = gateway.max_connections_per_source});
  MemoryBudget memory(gateway.memory_max);
  Resolver resolver(std::make_unique<AresNames>(), system_clock());
  Refusals refusals(log, system_clock());
  RefusedLogins refused_logins(log, system_clock());
  Services services{.config = config,
                    .clock = system_clock(),
                    .link = link,
                    .log = log,
                    .signing_key = keys.signing,
                    .user_ca = keys.user_ca,
                    .host_ca = keys.host_ca,
                    .host_key = keys.host.public_key(),
                    .access = access,
                    .banner = banner,
                    .startups = startups,
                    .refusals = refusals,
                    .refused_logins = refused_logins,
                    .memory = memory,
                    .resolver = resolver,
                    .rollback_guard = guard->get()};
  const absl::StatusOr<std::unique_ptr<Metrics>> metrics =
      Metrics::serve(gateway.metrics_listen, all_figures_of(services));
  Loops loops(gateway.threads);
  // The link's threads call into the log and the loops until it is stopped, the guard's into the
  // log.
  const absl::Cleanup stop_threads = [&link, &guard] {
    if (*guard != nullptr) (*guard)->stop();
    link.stop();
  };
  if (*guard != nullptr) (*guard)->start(log);
  if (!metrics.ok()) return metrics.status();
  Acceptor acceptor(loops.borrowed(), services,
                    [&services, bind = *bind](Loop& loop, const Accepted& accepted) {
                      return Connection::accept(loop, services, bind, accepted);
                    });
  for (const std::string& endpoint : gateway.listen) {
    if (const absl::Status listening = acceptor.listen(endpoint); !listening.ok()) return listening;
    log_info("listening", {{"endpoint", endpoint}});
  }
  serve_until_signalled(services, loops, acceptor, signals);
  return absl::OkStatus();
}

int run(int argc, char** argv) {
  DaemonSignals signals;
  const DaemonArguments arguments = parse_daemon_arguments(
      argc, argv, "gatetape-gateway", "accepts SSH connections and records them before they pass");
  const absl::StatusOr<Config> config = Config::load(arguments.config);
  if (!config.ok()) return fail(config.status());
  start_log("gatetape-gateway", config->log_level);
  if (const absl::Status confined = confine(); !confined.ok()) return fail(confined);
  const absl::Status tls = check_tls_files(
      {.endpoints = config->recorders, .tls = config->tls, .role = PeerRole::kGateway},
      system_clock().wall_ns() / 1'000'000'000);
  if (!tls.ok()) return fail(tls);
  const absl::StatusOr<Keys> keys = load_keys(config->gateway);
  if (!keys.ok()) return fail(keys.status());
  const FirstLoads access = load_first(config->gateway.access_file);
  if (!access.used().status().ok()) {
    log_error("no_last_good_rules", {{"reason", std::string(access.used().status().message())}});
    return fail(access.file.status());
  }
  if (access.kept)
    log_error(
        "last_good_rules_are_used",
        {{"path", access.kept->path()}, {"because", std::string(access.file.status().message())}});
  prepare_process();
  const absl::Status served = serve(*config, *keys, access, signals);
  return served.ok() ? 0 : fail(served);
}

}  // namespace
}  // namespace gatetape::gateway

int main(int argc, char** argv) { return gatetape::gateway::run(argc, argv); }
