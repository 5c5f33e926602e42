#include "tools/cli/verb_up.h"

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/db/db.h"
#include "base/db/migrate.h"
#include "base/endpoint.h"
#include "base/os/confine.h"
#include "base/os/daemon.h"
#include "tools/stack/cluster.h"
#include "tools/stack/demo.h"
#include "tools/stack/log_vkey.h"
#include "tools/stack/port.h"
#include "tools/stack/state_dir.h"
#include "tools/stack/steps.h"
#include "tools/stack/supervisor.h"

namespace gatetape::tools {
namespace {

constexpr char kDefaultListen[] = "127.0.0.1:2222";

struct UpOptions {
  std::string listen;
  std::string user;
  bool demo = false;
  bool once = false;
};

// Up is one run of the verb. Its members are what one step leaves for the next.
class Up {
 public:
  Up(UpOptions options, StateDir state)
      : options_(std::move(options)),
        state_(std::move(state)),
        steps_(options_.demo ? 10 : 8, state_.file("log")),
        supervisor_(state_.file("run")) {}

  absl::Status start();
  absl::Status demonstrate();
  void print_summary() const;
  // separation returns what is to be said when one account runs everything.
  std::string separation() const;
  void run() { supervisor_.run(); }
  void stop() { supervisor_.stop(); }

 private:
  // step runs one step and shows its progress; the action may leave a note of what it did.
  absl::Status step(const std::string& title,
                    const std::function<absl::Status(std::string* note)>& action);
  absl::Status make_files(std::string* note);
  absl::Status make_cluster(std::string* note);
  absl::Status migrate_database(std::string* note);
  absl::Status start_daemon(const std::string& name, bool reloads, int64_t stop_grace_ms);

  UpOptions options_;
  StateDir state_;
  Steps steps_;
  Config config_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<Demo> demo_;
  Fd lock_;
  Supervisor supervisor_;  // last, so that its child processes are stopped first
};

absl::Status Up::step(const std::string& title,
                      const std::function<absl::Status(std::string* note)>& action) {
  if (Supervisor::interrupted()) return absl::CancelledError("interrupted");
  std::string note;
  steps_.begin(title);
  const absl::Status status = action(&note);
  return steps_.end(status, note);
}

absl::Status Up::make_files(std::string* note) {
  const bool is_new = access(state_.file("gatetape.toml").c_str(), F_OK) != 0;
  *note = is_new ? "made" : "kept";
  if (absl::Status status = state_.make_keys(); !status.ok()) return status;
  std::string listen = options_.listen.empty() ? kDefaultListen : options_.listen;
  absl::StatusOr<HostPort> endpoint = parse_host_port(listen);
  if (!endpoint.ok()) return endpoint.status();
  const bool any_port = options_.demo && options_.listen.empty() && !port_is_free(endpoint->port);
  if (is_new && (endpoint->port == 0 || any_port)) endpoint->port = free_port();
  listen = format_host_port(*endpoint);
  if (absl::Status status = state_.write_config(listen); !status.ok()) return status;
  absl::StatusOr<Config> config = Config::load(state_.file("gatetape.toml"));
  if (!config.ok()) return config.status();
  config_ = *std::move(config);
  if (absl::Status status = write_log_vkey(state_, config_); !status.ok()) return status;
  if (!is_new && !options_.listen.empty() && config_.gateway.listen.front() != listen)
    return absl::InvalidArgumentError("the gateway of this stack listens on " +
                                      config_.gateway.listen.front() + "; change it in " +
                                      config_.path);
  if (!options_.demo) return state_.write_access(example_access());
  absl::StatusOr<Demo> demo = Demo::prepare(state_, config_);
  if (!demo.ok()) return demo.status();
  demo_ = std::make_unique<Demo>(*std::move(demo));
  return absl::OkStatus();
}

absl::Status Up::make_cluster(std::string* note) {
  absl::StatusOr<Cluster> found = Cluster::find(state_);
  if (!found.ok()) return found.status();
  cluster_ = std::make_unique<Cluster>(*std::move(found));
  *note = cluster_->exists() ? "kept" : "made";
  return cluster_->exists() ? cluster_->update() : cluster_->create();
}

absl::Status Up::migrate_database(std::string* note) {
  if (absl::Status status = cluster_->create_database(); !status.ok()) return status;
  const absl::StatusOr<std::string> folder = migrations_folder();
  if (!folder.ok()) return folder.status();
  absl::StatusOr<std::unique_ptr<Db>> db =
      Db::open({.conninfo = cluster_->owner_conninfo("gatetape"), .timeout_s = kMigrationTimeoutS});
  if (!db.ok()) return db.status();
  const absl::StatusOr<MigrationResult> result = migrate(**db, *folder);
  if (!result.ok()) return result.status();
  *note = std::to_string(result->applied.size()) + " applied, at " + std::to_string(result->newest);
  return absl::OkStatus();
}

// has_low_port returns true when the gateway listens on a port that only root may use.
bool has_low_port(const GatewayConfig& gateway) {
  return std::any_of(gateway.listen.begin(), gateway.listen.end(), [](const std::string& listen) {
    const absl::StatusOr<HostPort> endpoint = parse_host_port(listen);
    return endpoint.ok() && endpoint->port < IPPORT_RESERVED;
  });
}

absl::Status Up::start_daemon(const std::string& name, bool reloads, int64_t stop_grace_ms) {
  Service service;
  service.name = name;
  service.spec.argv = {program_folder() + "/gatetape-" + name, "--config", config_.path};
  service.spec.user = state_.account_of(name);
  service.spec.log_file = state_.file("log/" + name + ".log");
  service.spec.parent_opens_log = state_.accounts.has_value();
  const bool is_gateway = name == "gateway";
  service.spec.binds_low_ports = state_.accounts && is_gateway && has_low_port(config_.gateway);
  // The gateway cannot write into the folder of root, so that its copy of the rules lies here.
  if (state_.accounts && is_gateway)
    service.spec.environment = {{"STATE_DIRECTORY", state_.file("gateway")}};
  // A gatetape.toml of an older version does not name the database of the sequencer.
  if (name == "auditd" && config_.auditd.log_database.empty() && !config_.auditd.database.empty())
    service.spec.environment = {
        {"GATETAPE_LOG_DATABASE", config_.auditd.database + " user=gatetape_sealer"}};
  service.reloads = reloads;
  service.stop_grace_ms = stop_grace_ms;
  return supervisor_.start(std::move(service));
}

absl::Status Up::start() {
  const struct {
    std::string title;
    std::function<absl::Status(std::string* note)> action;
  } kSteps[] = {
      {"state directory " + state_.path,
       [this](std::string* note) {
         *note = state_.accounts ? "an account for each daemon"
                                 : "everything runs as " + state_.owner.name;
         if (absl::Status status = state_.make(); !status.ok()) return status;
         absl::StatusOr<Fd> lock = state_.lock();
         if (!lock.ok()) return lock.status();
         lock_ = *std::move(lock);
         return absl::OkStatus();
       }},
      {"keys and configuration", [this](std::string* note) { return make_files(note); }},
      {"PostgreSQL: initdb", [this](std::string* note) { return make_cluster(note); }},
      {"PostgreSQL: start",
       [this](std::string*) { return supervisor_.start(cluster_->service()); }},
      {"PostgreSQL: migrations", [this](std::string* note) { return migrate_database(note); }},
      {"recorder", [this](std::string*) { return start_daemon("recorder", false, 30000); }},
      {"auditd", [this](std::string*) { return start_daemon("auditd", false, 15000); }},
      {"gateway", [this](std::string*) { return start_daemon("gateway", true, 45000); }},
  };
  for (const auto& one : kSteps)
    if (absl::Status status = step(one.title, one.action); !status.ok()) return status;
  return absl::OkStatus();
}

absl::Status Up::demonstrate() {
  absl::Status status = step("demo target: sshd",
                             [this](std::string*) { return supervisor_.start(demo_->target()); });
  if (!status.ok()) return status;
  status = step("demo session", [this](std::string*) { return demo_->drive_session(); });
  if (!status.ok()) return status;
  status = demo_->show_record();
  if (!status.ok())
    return absl::Status(status.code(), absl::StrCat("demo record: ", status.message(),
                                                    "; logs are in ", state_.file("log")));
  if (!options_.once) demo_->print_hints();
  return status;
}

std::string Up::separation() const {
  if (state_.accounts) return {};
  return "Not separated: gateway, recorder, auditd and PostgreSQL all run as " + state_.owner.name +
         ", so each of them\n  can read every key and is a superuser of the database. Started by "
         "root "
         "without --user,\n  each has an account of its own.\n";
}

void Up::print_summary() const {
  std::printf(
      "\ngatetape is up.\n"
      "  gateway   %s\n"
      "  config    %s\n"
      "  access    %s   (SIGHUP to pid %d reads it again)\n"
      "  logs      %s/log\n"
      "  user CA   `gatetape --dir %s ca` prints the line for a target's TrustedUserCAKeys\n"
      "%s"
      "Ctrl-C stops it; the record stays.\n",
      config_.gateway.listen.front().c_str(), config_.path.c_str(),
      config_.gateway.access_file.c_str(), getpid(), state_.path.c_str(), state_.path.c_str(),
      separation().c_str());
  std::fflush(stdout);
}

// folder_of returns the folder of the stack. The demonstration has a folder of its own, unless one
// was named.
std::string folder_of(const UpOptions& options, const client::Context& context) {
  return options.demo && !context.dir_named ? context.dir + "-demo" : context.dir;
}

absl::Status run_up(const UpOptions& options, const client::Context& context) {
  // PostgreSQL inherits the limit; the daemons set it themselves.
  if (absl::Status status = forbid_core_dumps(); !status.ok()) return status;
  absl::StatusOr<StateDir> state =
      StateDir::choose({.dir = folder_of(options, context), .user = options.user});
  if (!state.ok()) return state.status();
  Up up(options, *std::move(state));
  absl::Status status = up.start();
  if (status.ok() && options.demo) status = up.demonstrate();
  if (status.ok() && !options.once) {
    up.print_summary();
    notify_ready();
    up.run();
  }
  notify_stopping();
  up.stop();
  return status;
}

}  // namespace

void add_up(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<UpOptions>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand("up", "run a whole stack on this machine until Ctrl-C");
  verb->add_option("--listen", options->listen,
                   "ADDR:PORT that the gateway listens on, at the first start");
  verb->add_option("--user", options->user,
                   "one account for all daemons, when root starts them (default: one for each)");
  verb->add_flag("--demo", options->demo, "add a target and a user, and record a session");
  verb->add_flag("--once", options->once, "stop as soon as everything was up and shown");
  verb->callback([options, &context] { context.fail(run_up(*options, context)); });
}

}  // namespace gatetape::tools
