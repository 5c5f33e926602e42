#include "tools/cli/verb_doctor.h"

#include <sys/timex.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/db/migrate.h"
#include "base/db/pg.h"
#include "base/endpoint.h"
#include "base/os/disk.h"
#include "base/os/tls_files.h"
#include "base/toml.h"
#include "client/audit_client.h"
#include "policy/access.h"
#include "tools/cli/dial.h"
#include "tools/cli/recorder_health.h"

namespace gatetape::tools {
namespace {

constexpr int64_t kTimeoutMs = 3000;
constexpr int64_t kRecorderTimeoutMs = 2000;
constexpr int64_t kExpirySoonS = 14 * 86400;

// Doctor prints one line a check and counts what is wrong.
class Doctor {
 public:
  explicit Doctor(const Context& context) : context_(context) {}

  // examine runs all checks; true when nothing is wrong.
  bool examine();

 private:
  void good(const std::string& what) { std::printf("ok    %s\n", what.c_str()); }
  void warn(const std::string& what, const std::string& advice) {
    std::printf("warn  %s\n      -> %s\n", printable(what).c_str(), advice.c_str());
  }
  void bad(const std::string& what, const std::string& advice) {
    failures_++;
    std::printf("FAIL  %s\n      -> %s\n", printable(what).c_str(), advice.c_str());
  }
  void bad(const absl::Status& status, const std::string& advice) {
    const std::string message(status.message());
    bad(message.substr(0, message.find('\n')), advice);
  }

  void check_access(const Config& config);
  void check_key(const std::string& path);
  void check_recorder_here(const Config& config);
  void check_database(const std::string& daemon, const std::string& conninfo);
  void check_trusted(const std::string& key_file, const std::vector<std::string>& trusted_files,
                     const std::string& list);
  bool check_tls(const TlsConfig& tls);
  void check_recorders(const Config& config, bool tls_is_usable);
  void check_auditd(const Config& config);
  void check_gateway(const Config& config);
  void check_disk();
  void check_clock();

  const Context& context_;
  int failures_ = 0;
};

bool Doctor::examine() {
  check_clock();
  check_disk();
  const absl::StatusOr<Config> config = context_.config();
  if (!config.ok()) {
    bad(config.status(), "correct the file, or name the stack's folder with --dir");
    return false;
  }
  good("configuration " + config->path);
  const bool tls_is_usable = check_tls(config->tls);
  const std::pair<const char*, std::function<void()>> daemons[] = {
      {"recorder", [&] { check_recorder_here(*config); }},
      {"auditd", [&] { check_auditd(*config); }},
      {"gateway", [&] { check_gateway(*config); }}};
  // A file that names no daemon is all defaults, for all of them.
  for (const auto& [daemon, check] : daemons) {
    if (config->daemons.empty() || config->daemons.contains(daemon))
      check();
    else
      std::printf("skip  %s: no [%s] in the configuration\n", daemon, daemon);
  }
  check_recorders(*config, tls_is_usable);
  return failures_ == 0;
}

void Doctor::check_recorder_here(const Config& config) {
  check_key(config.recorder.signing_key);
  check_trusted(config.recorder.signing_key, config.auditd.recorder_keys, "recorder_keys");
  check_database("recorder", config.recorder.database);
}

void Doctor::check_access(const Config& config) {
  const absl::StatusOr<Access> access = Access::load(config.gateway.access_file);
  if (!access.ok())
    return bad(access.status(), "a running gateway keeps its old rules; correct it");
  good(absl::StrCat("access ", config.gateway.access_file, ": ", access->users().size(), " users, ",
                    access->targets().size(), " targets, ", access->roles().size(), " roles"));
  for (const AccessTarget& target : access->targets())
    if (target.host_keys.empty())
      warn("target " + target.name + " has no host_keys, so nobody can reach it",
           "add what `gatetape hosts scan " + target.name + "` prints, once you know it is right");
}

void Doctor::check_key(const std::string& path) {
  const absl::Status status = SigningKey::load(path).status();
  if (status.ok()) return good("key " + path + ", readable by its owner alone");
  bad(status, "restore it if it existed; `gatetape up` makes those of a new stack");
}

// What a key signs that auditd does not trust is a forgery to it. Keys of other machines are not
// here to be looked at.
void Doctor::check_trusted(const std::string& key_file,
                           const std::vector<std::string>& trusted_files, const std::string& list) {
  const absl::StatusOr<SigningKey> key = SigningKey::load(key_file);
  if (!key.ok() || trusted_files.empty()) return;
  for (const std::string& file : trusted_files) {
    const absl::StatusOr<std::string> text = read_whole_file(file);
    if (!text.ok()) return bad(text.status(), "auditd does not start without it");
    const absl::StatusOr<PublicKey> trusted = PublicKey::from_text(*text);
    if (!trusted.ok())
      return bad(file + ": not one line `ed25519 BASE64`", "auditd does not start with it");
    if (trusted->raw == key->public_key().raw) return;
  }
  bad("auditd." + list + " names no file with the public key of " + key_file,
      "add it: what this key signs does not verify");
}

void Doctor::check_database(const std::string& daemon, const std::string& conninfo) {
  if (conninfo.empty())
    return warn(daemon + " has no `database` in this file", "set it where the " + daemon + " runs");
  auto connection = PgConnection::connect(conninfo);
  if (!connection.ok())
    return bad(connection.status(), "is PostgreSQL running, and may you connect as this role?");
  const auto settings = (*connection)
                            ->execute(
                                "select name, setting from pg_settings where setting = 'off' and "
                                "name in ('fsync', 'full_page_writes', 'synchronous_commit')");
  if (!settings.ok()) return bad(settings.status(), "see PostgreSQL's log");
  for (int row = 0; row < settings->rows(); row++)
    bad(settings->text(row, 0) + " is off: what is acknowledged may be lost",
        "set it to on in postgresql.conf and reload");
  const absl::StatusOr<uint32_t> newest = newest_migration(**connection);
  if (!newest.ok() || *newest == 0)
    return bad("the database of " + daemon + " has no schema", "run `gatetape migrate`");
  if (const absl::Status known = check_known(**connection); !known.ok())
    return bad(known, "until then neither recorder nor auditd uses it");
  good(absl::StrCat("PostgreSQL for ", daemon, ", at migration ", *newest));
}

// True when nothing stands against asking over TCP.
bool Doctor::check_tls(const TlsConfig& tls) {
  if (tls.certificate.empty() || tls.key.empty() || tls.ca.empty()) return true;
  constexpr int64_t kNsPerS = 1'000'000'000;
  const int64_t now_s = system_clock().wall_ns() / kNsPerS;
  const absl::StatusOr<int64_t> until_s = read_tls_expiry(tls, now_s);
  if (!until_s.ok()) {
    bad(until_s.status(), "`gatetape certs` makes what is missing; no daemon starts with this");
    return false;
  }
  const std::string what = tls.certificate + " is valid until " + format_utc(*until_s * kNsPerS);
  if (*until_s - now_s > kExpirySoonS)
    good(what);
  else
    warn(what,
         "renew it: remove it and its key, then `gatetape certs`; it is read again by itself");
  return true;
}

void Doctor::check_recorders(const Config& config, bool tls_is_usable) {
  for (const std::string& endpoint : config.recorders) {
    if (!is_unix(endpoint) && !tls_is_usable) {
      warn("the recorder on " + endpoint + " was not asked", "correct [tls] first, see above");
      continue;
    }
    const absl::Status status = check_recorder(endpoint, config.tls, kRecorderTimeoutMs);
    if (status.ok()) good("recorder records on " + endpoint);
    if (absl::IsFailedPrecondition(status))
      bad(status, "see database_lost in its log; until then sessions freeze");
    if (absl::IsDeadlineExceeded(status))
      bad(status, "it is stopped or hangs: restart gatetape-recorder; until then sessions freeze");
    if (absl::IsUnavailable(status))
      bad(status,
          "start gatetape-recorder; if it runs, see its allowed_users or [tls]; until then "
          "sessions freeze");
  }
}

void Doctor::check_auditd(const Config& config) {
  check_key(config.auditd.signing_key);
  check_trusted(config.auditd.signing_key, config.auditd.writer_keys, "writer_keys");
  check_database("auditd", config.auditd.database);
  const absl::StatusOr<std::unique_ptr<AuditClient>> client = AuditClient::connect(context_);
  const absl::StatusOr<audit::v1::HealthResponse> health =
      client.ok() ? (*client)->health() : client.status();
  if (absl::IsDeadlineExceeded(health.status()))
    return bad(health.status(),
               "it is stopped, or its database hangs: see its log, restart gatetape-auditd");
  if (!health.ok()) return bad(health.status(), "start gatetape-auditd and see its log");
  if (health->database() != "ok") bad("auditd: " + health->database(), "see the database above");
  if (health->recorder() != "ok")
    bad("auditd cannot record who asks: " + health->recorder(), "see the recorder above");
  if (health->database() == "ok" && health->recorder() == "ok")
    good(absl::StrCat("auditd ", health->version(), ", ", health->live_sessions(),
                      " live sessions"));
}

void Doctor::check_gateway(const Config& config) {
  check_access(config);
  const GatewayConfig& gateway = config.gateway;
  for (const std::string& key :
       {gateway.host_key, gateway.signing_key, gateway.user_ca, gateway.host_ca})
    check_key(key);
  check_trusted(gateway.signing_key, config.auditd.writer_keys, "writer_keys");
  for (const std::string& endpoint : config.gateway.listen) {
    const absl::StatusOr<Fd> fd = dial(endpoint, kTimeoutMs);
    if (!fd.ok()) {
      bad(fd.status(), "start gatetape-gateway and see its log");
      continue;
    }
    const std::string banner = read_line(*fd, kTimeoutMs);
    if (banner.starts_with("SSH-2.0-")) good("gateway answers on " + endpoint);
    if (!banner.starts_with("SSH-2.0-"))
      bad(endpoint + " does not speak SSH", "another program has this port; change `listen`");
  }
}

void Doctor::check_disk() {
  for (const DiskRoom& room : disk_rooms(std::filesystem::absolute(context_.dir).string())) {
    const std::string what = absl::StrCat(room.free_bytes >> 20, " MiB are free for ", room.path);
    if (room.is_low())
      bad(what, "make room: when the disk is full, nothing passes");
    else
      good(what);
  }
}

void Doctor::check_clock() {
  timex state{};
  const int result = adjtimex(&state);
  if (result >= 0 && result != TIME_ERROR) return good("clock is synchronised");
  warn("the clock is not known to be synchronised",
       "run chrony or systemd-timesyncd: record times");
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("doctor", "check every part and say what to do");
  verb->callback([&context] {
    if (!Doctor(context).examine()) context.exit_code = kExitError;
  });
}

}  // namespace gatetape::tools
