// Config: DIR/gatetape.toml, read once at start by each process. Relative paths are relative to the
// file's folder. An unknown key or a value of the wrong type or range is an error with file:line.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/os/tls_files.h"

namespace gatetape {

struct GatewayConfig {
  std::vector<std::string> listen = {"127.0.0.1:2222"};  // addr:port, [v6]:port
  uint32_t threads = 2;  // event loops; each connection stays on one
  std::string host_key = "keys/gateway_host.pem";
  std::string signing_key = "keys/gateway_sign.pem";
  std::string user_ca = "keys/user_ca.pem";
  std::string host_ca = "keys/host_ca.pem";
  std::string access_file = "access.toml";
  uint64_t window_bytes = 1 << 20;  // offered minus durable, a session
  uint32_t freeze_timeout_s = 30;
  uint32_t login_grace_time_s = 60;
  uint32_t max_auth_tries = 6;
  uint32_t max_startups = 100;  // connections before authentication, in all
  uint32_t max_startups_per_source = 50;
  uint32_t max_connections_per_source = 200;
  uint32_t max_channels_per_session = 64;
  uint32_t certificate_lifetime_s = 300;
  uint32_t connect_timeout_s = 15;
  std::string metrics_listen;  // addr:port for Prometheus; empty = none
};

struct RecorderConfig {
  std::string listen = "unix:run/recorder.sock";  // unix:PATH, or HOST:PORT with [tls]
  std::string database;                           // libpq conninfo of role gatetape_recorder
  std::string signing_key = "keys/recorder_sign.pem";
  std::vector<std::string>
      allowed_users;  // who may connect to the unix socket, beside root and its own
  uint32_t commit_timeout_s = 30;
  uint64_t queue_bytes_max = 64 << 20;  // frames that wait for a commit
  std::string metrics_listen;           // as of the gateway
};

struct AuditdConfig {
  std::string listen = "unix:run/auditd.sock";  // unix:PATH alone
  std::vector<std::string> allowed_users;       // as of the recorder
  std::string database;                         // libpq conninfo of role gatetape_auditd
  std::string signing_key = "keys/auditd_sign.pem";
  std::vector<std::string> writer_keys;    // files with the public keys that may sign as writer
  std::vector<std::string> recorder_keys;  // files with the public keys that may sign as recorder
  std::string metrics_listen;              // as of the gateway
};

struct Config {
  std::string path;  // of the file
  std::string dir;   // its folder, absolute
  std::string name;  // this gateway's name in the record; default: the host name
  std::string log_level = "info";
  std::vector<std::string> recorders = {
      "unix:run/recorder.sock"};  // for gateway and auditd, in order
  std::set<std::string> daemons;  // whose section is in the file: gateway, recorder, auditd
  TlsConfig tls;
  GatewayConfig gateway;
  RecorderConfig recorder;
  AuditdConfig auditd;

  // parse reads the text of a configuration file; INVALID_ARGUMENT "path:line: what" for bad
  // content. All paths (also in unix: endpoints) come out absolute, from the folder of `path`.
  static absl::StatusOr<Config> parse(std::string_view text, const std::string& path);
  // load reads the file, then parses it; NOT_FOUND without it, PERMISSION_DENIED when we may not.
  static absl::StatusOr<Config> load(const std::string& path);
};

}  // namespace gatetape
