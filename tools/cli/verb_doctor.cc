#include "tools/cli/verb_doctor.h"

#include <sys/timex.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/db/catalogue.h"
#include "base/db/db.h"
#include "base/db/durability.h"
#include "base/db/migrate.h"
#include "base/endpoint.h"
#include "base/os/disk.h"
#include "base/os/tls_files.h"
#include "base/toml.h"
#include "client/audit_client.h"
#include "policy/acceptance.h"
#include "policy/access.h"
#include "tools/cli/dial.h"
#include "tools/cli/log_findings.h"
#include "tools/cli/recorder_health.h"

namespace gatetape::tools {
namespace {

constexpr int64_t kTimeoutMs = 3000;
constexpr int64_t kRecorderTimeoutMs = 2000;
constexpr int64_t kExpirySoonS = 14 * 86400;

// Doctor prints one line per check, with advice when the check failed, and counts failures.
class Doctor {
 public:
  explicit Doctor(const client::Context& context) : context_(context) {}

  // examine runs all checks. It returns the exit code: kExitUnreachable when there is no stack,
  // kExitError when something else is wrong.
  client::ExitCode examine();

 private:
  void good(const std::string& what) { std::printf("ok    %s\n", what.c_str()); }
  // Finding is what is wrong, and what to do about it.
  struct Finding {
    std::string what;
    std::string advice;
  };
  void warn(const Finding& finding) {
    std::printf("warn  %s\n      -> %s\n", printable(finding.what).c_str(), finding.advice.c_str());
  }
  void bad(const Finding& finding) {
    failures_++;
    std::printf("FAIL  %s\n      -> %s\n", printable(finding.what).c_str(), finding.advice.c_str());
  }
  void bad(const absl::Status& status, const std::string& advice) {
    const std::string message(status.message());
    bad({.what = message.substr(0, message.find('\n')), .advice = advice});
  }

  void report_no_stack();
  void check_daemons(const Config& config);
  void check_access(const Config& config);
  void check_key(const std::string& path);
  void check_recorder_here(const Config& config);
  // DatabaseOf is the database of one daemon.
  struct DatabaseOf {
    std::string daemon;
    std::string conninfo;
    std::string synchronous_commit = {};  // empty for a daemon that stores nothing
  };
  void check_database(const DatabaseOf& database);
  void check_durability(const DatabaseOf& database, Db& db);
  void check_guards(Db& db);
  void check_trusted(const std::string& key_file, const std::vector<std::string>& trusted_files,
                     const std::string& list);
  bool check_tls(const TlsConfig& tls);
  void check_recorders(const Config& config, bool tls_is_usable);
  void check_auditd(const Config& config);
  void check_log(const audit::v1::LogHealth& health);
  void check_gateway(const Config& config);
  void check_guard(const GatewayConfig& gateway);
  void check_algorithms(const SshAlgorithms& algorithms);
  void check_disk();
  void check_clock();

  const client::Context& context_;
  int failures_ = 0;
};

client::ExitCode Doctor::examine() {
  check_clock();
  check_disk();
  const absl::StatusOr<Config> config = context_.config();
  if (absl::IsNotFound(config.status())) {
    report_no_stack();
    return client::kExitUnreachable;
  }
  if (config.ok())
    check_daemons(*config);
  else
    bad(config.status(), "correct the file, or name the stack's folder with --dir");
  return failures_ == 0 ? client::kExitOk : client::kExitError;
}

// report_no_stack writes which folders have no gatetape.toml. Folders beside the one of the context
// are looked in only when nobody named that one.
void Doctor::report_no_stack() {
  std::vector<std::string> looked_in = {context_.dir};
  std::string advice = "name its folder with --dir, or make a stack with `gatetape up`";
  for (const std::string& dir :
       context_.dir_named ? std::vector<std::string>() : client::usual_dirs()) {
    if (dir == context_.dir) continue;
    std::error_code unreadable;  // then the stack is somebody else's
    if (std::filesystem::exists(dir + "/gatetape.toml", unreadable))
      advice = "there is a stack in " + dir + ": run `gatetape --dir " + dir + " doctor`";
    else
      looked_in.push_back(dir);
  }
  bad({.what = "no stack is here: there is no gatetape.toml in " + absl::StrJoin(looked_in, ", "),
       .advice = advice});
}

void Doctor::check_daemons(const Config& config) {
  good("configuration " + config.path);
  const bool tls_is_usable = check_tls(config.tls);
  const std::pair<const char*, std::function<void()>> daemons[] = {
      {"recorder", [&] { check_recorder_here(config); }},
      {"auditd", [&] { check_auditd(config); }},
      {"gateway", [&] { check_gateway(config); }}};
  // A file that names no daemon holds the defaults of all of them.
  for (const auto& [daemon, check] : daemons) {
    if (config.daemons.empty() || config.daemons.contains(daemon))
      check();
    else
      std::printf("skip  %s: no [%s] in the configuration\n", daemon, daemon);
  }
  check_recorders(config, tls_is_usable);
}

void Doctor::check_recorder_here(const Config& config) {
  check_key(config.recorder.signing_key);
  check_trusted(config.recorder.signing_key, config.auditd.recorder_keys, "recorder_keys");
  check_database({.daemon = "recorder",
                  .conninfo = config.recorder.database,
                  .synchronous_commit = config.recorder.synchronous_commit});
}

void Doctor::check_access(const Config& config) {
  const absl::StatusOr<Access> access = Access::load(config.gateway.access_file);
  if (!access.ok())
    return bad(access.status(),
               "correct the file; a running gateway keeps its old rules until then");
  good(absl::StrCat("access ", config.gateway.access_file, ": ", access->users().size(), " users, ",
                    access->targets().size(), " targets, ", access->roles().size(), " roles"));
  for (const AccessTarget& target : access->targets())
    if (target.host_keys.empty())
      warn({.what = "target " + target.name + " has no host_keys, so nobody can reach it",
            .advice = "add what `gatetape hosts scan " + target.name +
                      "` prints, once you know it is right"});
}

void Doctor::check_key(const std::string& path) {
  const absl::Status status = SigningKey::load(path).status();
  if (status.ok()) return good("key " + path + ", readable by its owner alone");
  bad(status, "restore the key from a backup; `gatetape up` makes the keys of a new stack");
}

// check_trusted checks that auditd trusts a key, because it takes signatures of any other key for
// forgeries. Keys on other machines cannot be checked here.
void Doctor::check_trusted(const std::string& key_file,
                           const std::vector<std::string>& trusted_files, const std::string& list) {
  const absl::StatusOr<SigningKey> key = SigningKey::load(key_file);
  if (!key.ok() || trusted_files.empty()) return;
  for (const std::string& file : trusted_files) {
    const absl::StatusOr<std::string> text = read_whole_file(file);
    if (!text.ok()) return bad(text.status(), "restore the file; auditd does not start without it");
    const absl::StatusOr<PublicKey> trusted = PublicKey::from_text(*text);
    if (!trusted.ok())
      return bad({.what = file + ": not one line `ed25519 BASE64`",
                  .advice = "restore the file; auditd does not start with it"});
    if (trusted->raw == key->public_key().raw) return;
  }
  bad({.what = "auditd." + list + " names no file with the public key of " + key_file,
       .advice = "add that file; until then, what this key signs does not verify"});
}

void Doctor::check_database(const DatabaseOf& database) {
  const std::string& daemon = database.daemon;
  const std::string& conninfo = database.conninfo;
  if (conninfo.empty())
    return warn({.what = daemon + " has no `database` in this file",
                 .advice = "set it where the " + daemon + " runs"});
  absl::StatusOr<std::unique_ptr<Db>> db = Db::open({.conninfo = conninfo});
  if (!db.ok()) return bad(db.status(), "is PostgreSQL running, and may you connect as this role?");
  check_durability(database, **db);
  const absl::StatusOr<uint32_t> newest = newest_migration(**db);
  if (!newest.ok() || *newest == 0)
    return bad({.what = "the database of " + daemon + " has no schema",
                .advice = "run `gatetape migrate`"});
  if (const absl::Status known = check_known(**db); !known.ok())
    return bad(known, "until then neither recorder nor auditd uses it");
  check_guards(**db);
  good(absl::StrCat("PostgreSQL for ", daemon, ", at migration ", *newest));
}

void Doctor::check_durability(const DatabaseOf& database, Db& db) {
  const absl::StatusOr<std::vector<std::string>> unsafe = unsafe_settings(db);
  if (!unsafe.ok()) return bad(unsafe.status(), "see PostgreSQL's log");
  for (const std::string& name : *unsafe)
    bad({.what = name + " is off: a commit may be lost, so the recorder refuses to record",
         .advice = "set it to on in postgresql.conf and reload"});
  if (database.synchronous_commit != "local") return;
  const absl::StatusOr<bool> has_standby = has_synchronous_standby(db);
  if (!has_standby.ok()) return bad(has_standby.status(), "see PostgreSQL's log");
  if (*has_standby)
    warn({.what = "synchronous_commit of [recorder] is local, and PostgreSQL has a synchronous "
                  "standby: what is acknowledged may be lost with this server",
          .advice = "set synchronous_commit to on, or remove the standby from "
                    "synchronous_standby_names"});
}

void Doctor::check_guards(Db& db) {
  const absl::StatusOr<std::vector<std::string>> deviations = guard_deviations(db);
  if (!deviations.ok()) return bad(deviations.status(), "see PostgreSQL's log");
  for (const std::string& deviation : *deviations)
    bad({.what = deviation,
         .advice = "find out who changed it, and undo it; until then the record is not protected "
                   "as docs/THREATS.md says"});
}

// check_tls returns true when a recorder can be asked over TCP.
bool Doctor::check_tls(const TlsConfig& tls) {
  if (tls.certificate.empty() || tls.key.empty() || tls.ca.empty()) return true;
  constexpr int64_t kNsPerS = 1'000'000'000;
  const int64_t now_s = system_clock().wall_ns() / kNsPerS;
  const absl::StatusOr<int64_t> until_s = read_tls_expiry(tls, now_s);
  if (!until_s.ok()) {
    bad(until_s.status(),
        "run `gatetape certs` to make what is missing; no daemon with a TCP endpoint starts until "
        "then");
    return false;
  }
  if (const absl::Status role = read_tls_role(tls.certificate).status(); !role.ok()) {
    bad(role, "remove it and its key, then run `gatetape certs`; no peer accepts it until then");
    return false;
  }
  const std::string what = tls.certificate + " is valid until " + format_utc(*until_s * kNsPerS);
  if (*until_s - now_s > kExpirySoonS)
    good(what);
  else
    warn({.what = what,
          .advice = "renew it: remove it and its key, then run `gatetape certs`; the daemons read "
                    "it again by "
                    "themselves"});
  return true;
}

void Doctor::check_recorders(const Config& config, bool tls_is_usable) {
  for (const std::string& endpoint : config.recorders) {
    if (!is_unix(endpoint) && !tls_is_usable) {
      warn({.what = "the recorder on " + endpoint + " was not asked",
            .advice = "correct [tls] first, see above"});
      continue;
    }
    const absl::Status status = check_recorder(endpoint, config.tls, kRecorderTimeoutMs);
    if (status.ok()) good("recorder records on " + endpoint);
    if (absl::IsFailedPrecondition(status))
      bad(status, "see database_lost in its log; sessions freeze until the database is back");
    if (absl::IsDeadlineExceeded(status))
      bad(status,
          "restart gatetape-recorder, which is stopped or hangs; sessions freeze until then");
    if (absl::IsUnavailable(status))
      bad(status,
          "start gatetape-recorder, or check its allowed_users or [tls] when it runs; sessions "
          "freeze until then");
  }
}

void Doctor::check_auditd(const Config& config) {
  check_key(config.auditd.signing_key);
  check_trusted(config.auditd.signing_key, config.auditd.writer_keys, "writer_keys");
  check_database({.daemon = "auditd", .conninfo = config.auditd.database});
  const absl::StatusOr<std::unique_ptr<client::AuditClient>> client =
      client::AuditClient::connect(context_);
  const absl::StatusOr<audit::v1::HealthResponse> health =
      client.ok() ? (*client)->health() : client.status();
  if (absl::IsDeadlineExceeded(health.status()))
    return bad(health.status(),
               "see its log and restart gatetape-auditd; it is stopped, or its database hangs");
  if (!health.ok()) return bad(health.status(), "start gatetape-auditd and see its log");
  if (health->database() != "ok")
    bad({.what = "auditd: " + health->database(), .advice = "see the database above"});
  if (health->recorder() != "ok")
    bad({.what = "auditd cannot record who asks: " + health->recorder(),
         .advice = "see the recorder above"});
  if (health->database() == "ok" && health->recorder() == "ok")
    good(absl::StrCat("auditd ", health->version(), ", ", health->live_sessions(),
                      " live sessions"));
  check_log(health->log());
}

void Doctor::check_log(const audit::v1::LogHealth& health) {
  const std::vector<LogFinding> findings = log_findings(health);
  for (const auto& [what, advice, is_failure] : findings) {
    if (is_failure)
      bad({.what = what, .advice = advice});
    else
      warn({.what = what, .advice = advice});
  }
  if (findings.empty()) good(absl::StrCat("log of ", health.size(), " leaves"));
}

void Doctor::check_algorithms(const SshAlgorithms& algorithms) {
  for (const std::string& list : lists_without_libssh2(algorithms))
    warn({.what = "`" + list + "` excludes curl of Debian 12 and others that use libssh2 1.10",
          .advice = list == "macs" ? "add hmac-sha2-256 to the list when such clients must connect"
                                   : "add aes256-ctr to the list when such clients must connect"});
}

void Doctor::check_gateway(const Config& config) {
  check_access(config);
  const GatewayConfig& gateway = config.gateway;
  check_algorithms(gateway.algorithms);
  for (const std::string& key :
       {gateway.host_key, gateway.signing_key, gateway.user_ca, gateway.host_ca})
    check_key(key);
  check_trusted(gateway.signing_key, config.auditd.writer_keys, "writer_keys");
  check_guard(gateway);
  for (const std::string& endpoint : config.gateway.listen) {
    const absl::StatusOr<Fd> fd = dial(endpoint, kTimeoutMs);
    if (!fd.ok()) {
      bad(fd.status(), "start gatetape-gateway and see its log");
      continue;
    }
    const std::string banner = read_line(*fd, kTimeoutMs);
    if (banner.starts_with("SSH-2.0-")) good("gateway answers on " + endpoint);
    if (!banner.starts_with("SSH-2.0-"))
      bad({.what = endpoint + " does not speak SSH",
           .advice = "change `listen`, because another program uses this port"});
  }
}

// check_guard checks whether the gateway would notice an older database, and whether it has.
void Doctor::check_guard(const GatewayConfig& gateway) {
  if (gateway.log_keys.empty())
    return warn({.what = "log_keys of [gateway] is empty, so the gateway does not notice that "
                         "somebody puts an older database in the place of the present one",
                 .advice = "name a file with the line that `gatetape log key` prints"});
  const absl::StatusOr<std::string> refusal =
      read_whole_file(refusal_file(gateway.checkpoint_file));
  if (!refusal.ok()) return good("the gateway has seen no older database");
  bad({.what = "the gateway refuses sessions: " + refusal->substr(0, refusal->find('\n')),
       .advice = "restore the newer database; when the older one is right, run `gatetape log "
                 "accept --reason TEXT`"});
}

void Doctor::check_disk() {
  for (const DiskRoom& room : disk_rooms(std::filesystem::absolute(context_.dir).string())) {
    const std::string what = absl::StrCat(room.free_bytes >> 20, " MiB are free for ", room.path);
    if (room.is_low())
      bad({.what = what,
           .advice = "free some space; when the disk is full, nothing passes the gateway"});
    else
      good(what);
  }
}

void Doctor::check_clock() {
  timex state{};
  const int result = adjtimex(&state);
  if (result >= 0 && result != TIME_ERROR) return good("clock is synchronized");
  warn({.what = "the clock is not known to be synchronized",
        .advice = "run chrony or systemd-timesyncd; the times in the record come from this clock"});
}

}  // namespace

void add_doctor(CLI::App& app, client::Context& context) {
  CLI::App* verb = app.add_subcommand("doctor", "check every part of the stack and say what to do");
  verb->callback([&context] { context.exit_code = Doctor(context).examine(); });
}

}  // namespace gatetape::tools
