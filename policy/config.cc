#include "policy/config.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/endpoint.h"
#include "base/os/memory.h"
#include "base/toml.h"

namespace gatetape {
namespace {

// Longest path of a unix socket, in bytes: the size of sun_path (unix(7)) without the NUL. A longer
// path is rejected.
constexpr size_t kSocketPathBytesMax = 107;
// Smallest memory_max, in bytes. A smaller one is an error, because the gateway without a session
// needs about half of it.
constexpr uint64_t kMemoryMin = uint64_t{64} << 20;

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

std::string absolute(const std::string& dir, const std::string& path) {
  if (path.empty()) return path;
  return (std::filesystem::path(dir) / path).lexically_normal().string();
}

void absolute_endpoint(const std::string& dir, std::string* endpoint) {
  if (is_unix(*endpoint)) *endpoint = "unix:" + absolute(dir, endpoint->substr(5));
}

// check_endpoints checks the endpoints that stand under a key.
absl::Status check_endpoints(const TomlTable& table, std::string_view key,
                             const std::vector<std::string>& endpoints) {
  if (endpoints.empty())
    return table.error(table.line(key), absl::StrCat("`", std::string(key), "` is empty"));
  for (const std::string& endpoint : endpoints) {
    if (is_unix(endpoint)) {
      if (endpoint == "unix:") return table.error(table.line(key), "`unix:` has no path");
      if (endpoint.size() - 5 <= kSocketPathBytesMax) continue;
      return table.error(table.line(key),
                         "a socket path has at most 107 characters; use a shorter directory");
    }
    if (auto parsed = parse_host_port(endpoint); !parsed.ok())
      return table.error(table.line(key), std::string(parsed.status().message()));
  }
  return absl::OkStatus();
}

// check_metrics checks `metrics_listen`: metrics are served over plain HTTP on addr:port, or not at
// all.
absl::Status check_metrics(const TomlTable& table, const std::string& listen) {
  if (listen.empty()) return absl::OkStatus();
  if (is_unix(listen))
    return table.error(table.line("metrics_listen"), "metrics are served on addr:port only");
  return check_endpoints(table, "metrics_listen", {listen});
}

absl::Status read_tls(TomlTable table, Config* config) {
  table.get("certificate", &config->tls.certificate);
  table.get("key", &config->tls.key);
  table.get("ca", &config->tls.ca);
  if (absl::Status status = table.finish(); !status.ok()) return status;
  for (std::string* path : {&config->tls.certificate, &config->tls.key, &config->tls.ca})
    *path = absolute(config->dir, *path);
  return absl::OkStatus();
}

// read_algorithms reads the lists of algorithms for clients, and returns the first error in them.
absl::Status read_algorithms(TomlTable& table, SshAlgorithms* algorithms) {
  const SshAlgorithms& allowed = allowed_algorithms();
  struct List {
    const char* key;
    std::vector<std::string>* names;
    const std::vector<std::string>& allowed;
  };
  absl::Status first;
  for (const List& list : {List{"kex", &algorithms->kex, allowed.kex},
                           List{"ciphers", &algorithms->ciphers, allowed.ciphers},
                           List{"macs", &algorithms->macs, allowed.macs}}) {
    table.get(list.key, list.names);
    const absl::Status status = check_algorithms(list.key, *list.names, list.allowed);
    if (!status.ok())
      first.Update(table.error(table.line(list.key), std::string(status.message())));
  }
  return first;
}

absl::Status read_gateway(TomlTable table, const std::string& dir, GatewayConfig* gateway) {
  constexpr uint64_t kDay = 86400;  // seconds
  table.get("listen", &gateway->listen);
  table.get("threads", &gateway->threads, {1, 256});
  table.get("host_key", &gateway->host_key);
  table.get("signing_key", &gateway->signing_key);
  table.get("user_ca", &gateway->user_ca);
  table.get("host_ca", &gateway->host_ca);
  table.get("access_file", &gateway->access_file);
  table.get("banner", &gateway->banner);
  const absl::Status algorithms = read_algorithms(table, &gateway->algorithms);
  table.get("window_bytes", &gateway->window_bytes, {64 << 10, 1 << 30});
  table.get("freeze_timeout_s", &gateway->freeze_timeout_s, {1, kDay});
  table.get("login_grace_time_s", &gateway->login_grace_time_s, {1, 3600});
  table.get("max_auth_tries", &gateway->max_auth_tries, {1, 100});
  table.get("max_startups", &gateway->max_startups, {1, 100000});
  table.get("max_startups_start", &gateway->max_startups_start, {1, 100000});
  table.get("max_startups_rate", &gateway->max_startups_rate, {0, 100});
  table.get("max_startups_per_source", &gateway->max_startups_per_source, {1, 100000});
  table.get("max_connections_per_source", &gateway->max_connections_per_source, {1, 100000});
  table.get("max_channels_per_session", &gateway->max_channels_per_session, {1, 10000});
  gateway->memory_max = std::max(kMemoryMin, machine_memory_bytes() / 4);
  table.get("memory_max", &gateway->memory_max, {kMemoryMin, uint64_t{1} << 46});
  table.get("certificate_lifetime_s", &gateway->certificate_lifetime_s, {10, kDay});
  table.get("connect_timeout_s", &gateway->connect_timeout_s, {1, 600});
  table.get("checkpoint_file", &gateway->checkpoint_file);
  table.get("log_keys", &gateway->log_keys);
  table.get("metrics_listen", &gateway->metrics_listen);
  if (absl::Status status = table.finish(); !status.ok()) return status;
  if (gateway->checkpoint_file.empty())
    return table.error(table.line("checkpoint_file"), "`checkpoint_file` is empty");
  if (!algorithms.ok()) return algorithms;
  gateway->max_startups_start = std::min(gateway->max_startups_start, gateway->max_startups);
  for (const std::string& listen : gateway->listen)
    if (is_unix(listen))
      return table.error(table.line("listen"), "the gateway listens on addr:port only");
  if (absl::Status status = check_endpoints(table, "listen", gateway->listen); !status.ok())
    return status;
  for (std::string* path : {&gateway->host_key, &gateway->signing_key, &gateway->user_ca,
                            &gateway->host_ca, &gateway->access_file, &gateway->checkpoint_file})
    *path = absolute(dir, *path);
  for (std::string& file : gateway->log_keys) file = absolute(dir, file);
  if (!gateway->banner.empty()) gateway->banner = absolute(dir, gateway->banner);
  return check_metrics(table, gateway->metrics_listen);
}

// is_durable returns true for the values of synchronous_commit with which PostgreSQL answers a
// commit only when this server has flushed it.
bool is_durable(std::string_view synchronous_commit) {
  return synchronous_commit == "on" || synchronous_commit == "remote_apply" ||
         synchronous_commit == "local";
}

absl::Status read_recorder(TomlTable table, const std::string& dir, RecorderConfig* recorder) {
  table.get("listen", &recorder->listen);
  table.get("database", &recorder->database);
  table.get("signing_key", &recorder->signing_key);
  table.get("allowed_users", &recorder->allowed_users);
  table.get("commit_timeout_s", &recorder->commit_timeout_s, {1, 3600});
  table.get("synchronous_commit", &recorder->synchronous_commit);
  table.get("queue_bytes_max", &recorder->queue_bytes_max, {1 << 20, uint64_t{1} << 36});
  table.get("metrics_listen", &recorder->metrics_listen);
  if (absl::Status status = table.finish(); !status.ok()) return status;
  if (!is_durable(recorder->synchronous_commit))
    return table.error(table.line("synchronous_commit"),
                       "`synchronous_commit` is one of on, remote_apply, local");
  absolute_endpoint(dir, &recorder->listen);
  recorder->signing_key = absolute(dir, recorder->signing_key);
  if (absl::Status status = check_metrics(table, recorder->metrics_listen); !status.ok())
    return status;
  return check_endpoints(table, "listen", {recorder->listen});
}

absl::Status read_auditd(TomlTable table, const std::string& dir, AuditdConfig* auditd) {
  table.get("listen", &auditd->listen);
  table.get("database", &auditd->database);
  table.get("signing_key", &auditd->signing_key);
  table.get("allowed_users", &auditd->allowed_users);
  table.get("writer_keys", &auditd->writer_keys);
  table.get("recorder_keys", &auditd->recorder_keys);
  table.get("metrics_listen", &auditd->metrics_listen);
  table.get("log_key", &auditd->log_key);
  table.get("log_database", &auditd->log_database);
  if (absl::Status status = table.finish(); !status.ok()) return status;
  absolute_endpoint(dir, &auditd->listen);
  auditd->signing_key = absolute(dir, auditd->signing_key);
  auditd->log_key = absolute(dir, auditd->log_key);
  for (std::vector<std::string>* files : {&auditd->writer_keys, &auditd->recorder_keys})
    for (std::string& file : *files) file = absolute(dir, file);
  if (absl::Status status = check_metrics(table, auditd->metrics_listen); !status.ok())
    return status;
  if (!is_unix(auditd->listen))
    return table.error(table.line("listen"), "auditd listens on unix:PATH only");
  return check_endpoints(table, "listen", {auditd->listen});
}

// read_witness reads one table of `witnesses`.
absl::Status read_witness(TomlTable table, LogWitness* witness) {
  table.get("url", &witness->url);
  table.get("key", &witness->key);
  if (absl::Status status = table.finish(); !status.ok()) return status;
  if (!witness->url.starts_with("http://") && !witness->url.starts_with("https://"))
    return table.error(table.line("url"), "`url` of a witness begins with http:// or https://");
  if (witness->key.empty())
    return table.error(table.line(), "a witness needs `key`, the line of its verifier key");
  while (witness->url.ends_with('/')) witness->url.pop_back();
  return absl::OkStatus();
}

absl::Status read_log(TomlTable table, const std::string& dir, LogConfig* log) {
  table.get("origin", &log->origin);
  table.get("publish_dir", &log->publish_dir);
  table.get("unterminated_after", &log->unterminated_after_s, {60, 10 * 366 * 86400});
  for (TomlTable& one : table.tables("witnesses"))
    if (absl::Status status = read_witness(one, &log->witnesses.emplace_back()); !status.ok())
      return status;
  if (absl::Status status = table.finish(); !status.ok()) return status;
  if (log->publish_dir.empty())
    return table.error(table.line("publish_dir"), "`publish_dir` is empty");
  log->publish_dir = absolute(dir, log->publish_dir);
  return absl::OkStatus();
}

// check_tls checks that [tls] is complete when an endpoint is HOST:PORT, because connections over
// TCP always use mutual TLS.
absl::Status check_tls(const TomlTable& root, const Config& config) {
  std::vector<std::string> endpoints = config.recorders;
  endpoints.push_back(config.recorder.listen);
  const TlsConfig& tls = config.tls;
  const bool complete = !tls.certificate.empty() && !tls.key.empty() && !tls.ca.empty();
  for (const std::string& endpoint : endpoints) {
    if (is_unix(endpoint) || complete) continue;
    return root.error(
        root.line("tls"),
        absl::StrCat("endpoint ", endpoint,
                     " needs [tls] with certificate, key and ca; see `gatetape certs`"));
  }
  return absl::OkStatus();
}

absl::Status read_all(TomlTable root, Config* config) {
  constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};
  root.get("name", &config->name);
  root.get("log_level", &config->log_level);
  root.get("recorders", &config->recorders);
  for (const char* daemon : {"gateway", "recorder", "auditd"})
    if (root.has(daemon)) config->daemons.insert(daemon);
  const std::string& dir = config->dir;
  const absl::Status sections[] = {read_tls(root.table("tls"), config),
                                   read_gateway(root.table("gateway"), dir, &config->gateway),
                                   read_recorder(root.table("recorder"), dir, &config->recorder),
                                   read_auditd(root.table("auditd"), dir, &config->auditd),
                                   read_log(root.table("log"), dir, &config->log)};
  if (absl::Status status = root.finish(); !status.ok()) return status;
  for (const absl::Status& status : sections)
    if (!status.ok()) return status;
  bool known = false;
  for (std::string_view level : kLevels) known = known || level == config->log_level;
  if (!known)
    return root.error(root.line("log_level"), "`log_level` is one of debug, info, warn, error");
  if (config->name.empty()) config->name = host_name();
  if (config->log.origin.empty()) config->log.origin = config->name + ".gatetape/log";
  for (std::string& endpoint : config->recorders) absolute_endpoint(dir, &endpoint);
  if (absl::Status status = check_endpoints(root, "recorders", config->recorders); !status.ok())
    return status;
  return check_tls(root, *config);
}

}  // namespace

absl::StatusOr<Config> Config::parse(std::string_view text, const std::string& path) {
  absl::StatusOr<TomlTable> root = TomlTable::parse(text, path);
  if (!root.ok()) return root.status();
  Config config;
  config.path = std::filesystem::absolute(path).lexically_normal().string();
  config.dir = std::filesystem::path(config.path).parent_path().string();
  if (absl::Status status = read_all(*root, &config); !status.ok()) return status;
  return config;
}

absl::StatusOr<Config> Config::load(const std::string& path) {
  absl::StatusOr<std::string> text = read_whole_file(path);
  if (!text.ok()) return text.status();
  return parse(*text, path);
}

}  // namespace gatetape
