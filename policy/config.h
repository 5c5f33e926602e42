// Config: the file DIR/gatetape.toml, which each process reads once at its start. Relative paths
// are relative to the folder of the file. An unknown key, and a value of a wrong type or outside
// its range, is an error with file:line.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/os/tls_files.h"
#include "policy/ssh_algorithms.h"

namespace gatetape {

struct GatewayConfig {
  std::vector<std::string> listen = {"127.0.0.1:2222"};  // addr:port, [v6]:port
  uint32_t threads = 2;  // event loops; each connection stays on one of them
  std::string host_key = "keys/gateway_host.pem";
  std::string signing_key = "keys/gateway_sign.pem";
  std::string user_ca = "keys/user_ca.pem";
  std::string host_ca = "keys/host_ca.pem";
  std::string access_file = "access.toml";
  std::string banner;               // file that clients see before the login; empty = none
  SshAlgorithms algorithms;         // for clients: kex, ciphers, macs
  uint64_t window_bytes = 1 << 20;  // limit of offered minus durable, per session
  uint32_t freeze_timeout_s = 30;
  uint32_t login_grace_time_s = 60;
  uint32_t max_auth_tries = 6;
  uint32_t max_startups = 100;  // connections that are not authenticated, in total
  uint32_t max_startups_start = 50;
  uint32_t max_startups_rate = 30;
  uint32_t max_startups_per_source = 20;
  uint32_t max_connections_per_source = 200;
  uint32_t max_channels_per_session = 64;
  uint64_t memory_max = 0;  // bytes of the process; the default is a quarter of RAM
  uint32_t certificate_lifetime_s = 300;
  uint32_t connect_timeout_s = 15;
  std::string checkpoint_file = "gateway/checkpoint";  // what the gateway has seen of the log
  std::vector<std::string> log_keys;  // files with the vkeys of the log; empty = it is not watched
  std::string metrics_listen;         // addr:port for Prometheus; empty = no metrics
};

struct RecorderConfig {
  std::string listen = "unix:run/recorder/recorder.sock";  // unix:PATH, or HOST:PORT with [tls]
  std::string database;  // libpq conninfo of role gatetape_recorder
  std::string signing_key = "keys/recorder_sign.pem";
  std::vector<std::string>
      allowed_users;  // accounts that may connect to the unix socket, besides root and its own;
                      // empty = gatetape-gateway and gatetape-auditd
  uint32_t commit_timeout_s = 30;
  std::string synchronous_commit = "on";  // on, remote_apply or local; never less
  uint64_t queue_bytes_max = 64 << 20;    // limit of the frames that wait for a commit
  std::string metrics_listen;             // like the gateway's
};

struct AuditdConfig {
  std::string listen = "unix:run/auditd/auditd.sock";  // unix:PATH only
  std::vector<std::string> allowed_users;              // like the recorder's
  std::string database;                                // libpq conninfo of role gatetape_auditd
  std::string signing_key = "keys/auditd_sign.pem";
  std::vector<std::string> writer_keys;       // files with the public keys of trusted writers
  std::vector<std::string> recorder_keys;     // files with the public keys of trusted recorders
  std::string metrics_listen;                 // like the gateway's
  std::string log_key = "keys/log_sign.pem";  // signs the checkpoints of the log
  std::string log_database;  // conninfo of role gatetape_sealer; empty = it seals nothing
};

// LogWitness is a witness that cosigns the log's checkpoints.
struct LogWitness {
  std::string url;  // http:// or https://; its add-checkpoint is asked
  std::string key;  // verifier key, one line
};

struct LogConfig {
  std::string origin;                     // default: NAME.gatetape/log
  std::string publish_dir = "published";  // folder of checkpoint and tiles
  std::vector<LogWitness> witnesses;
  // A session that is open in the log for so long without a close is reported as unterminated.
  uint32_t unterminated_after_s = 86400;
};

struct Config {
  std::string path;  // absolute path of the file
  std::string dir;   // its folder
  std::string name;  // this gateway's name in the record; default: the host name
  std::string log_level = "info";
  std::vector<std::string> recorders = {
      "unix:run/recorder/recorder.sock"};  // endpoints for gateway and auditd, tried in order
  std::set<std::string> daemons;           // the sections in the file: gateway, recorder, auditd
  TlsConfig tls;
  GatewayConfig gateway;
  RecorderConfig recorder;
  AuditdConfig auditd;
  LogConfig log;

  // parse reads the text of a configuration file. It fails with INVALID_ARGUMENT "path:line: what".
  // All paths in the result, also in unix: endpoints, are absolute; relative ones are resolved from
  // the folder of `path`.
  static absl::StatusOr<Config> parse(std::string_view text, const std::string& path);
  // load reads the file and parses it. It fails with NOT_FOUND when the file is missing, and with
  // PERMISSION_DENIED when this process may not read it.
  static absl::StatusOr<Config> load(const std::string& path);
};

}  // namespace gatetape
