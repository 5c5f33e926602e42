// Fuzz target of gatetape.toml. The input is the text of the file. What is accepted must be
// complete: absolute paths, endpoints that a daemon can listen on, and numbers in the ranges of
// gatetape.toml(5).

#include "base/endpoint.h"
#include "policy/config.h"
#include "tests/fuzz/fuzz.h"

namespace gatetape::fuzz {
namespace {

void check_path(const std::string& path) {
  CHECK(path.empty() || path[0] == '/', path);
  CHECK(path.find('\0') == std::string::npos, printable(path));
}

void check_endpoint(const std::string& endpoint, const TlsConfig& tls) {
  if (is_unix(endpoint)) {
    const std::string path = endpoint.substr(5);
    CHECK(!path.empty() && path.size() <= 107, path.size());
    check_path(path);
    return;
  }
  CHECK(parse_host_port(endpoint).ok(), printable(endpoint));
  CHECK(!tls.certificate.empty() && !tls.key.empty() && !tls.ca.empty());
}

void check_config(const Config& config) {
  const TlsConfig& tls = config.tls;
  CHECK(!config.name.empty());
  CHECK(!config.recorders.empty() && !config.gateway.listen.empty());
  for (const std::string& endpoint : config.recorders) check_endpoint(endpoint, tls);
  check_endpoint(config.recorder.listen, tls);
  check_endpoint(config.auditd.listen, tls);
  for (const std::string& listen : config.gateway.listen) CHECK(parse_host_port(listen).ok());
  const GatewayConfig& gateway = config.gateway;
  for (const std::string& path :
       {tls.certificate, tls.key, tls.ca, gateway.host_key, gateway.signing_key, gateway.user_ca,
        gateway.host_ca, gateway.access_file, config.recorder.signing_key,
        config.auditd.signing_key})
    check_path(path);
  for (const auto& files : {config.auditd.writer_keys, config.auditd.recorder_keys})
    for (const std::string& path : files) check_path(path);
  CHECK(gateway.threads >= 1 && gateway.threads <= 256, gateway.threads);
  CHECK(gateway.window_bytes >= 64 << 10 && gateway.window_bytes <= 1 << 30);
  CHECK(gateway.freeze_timeout_s >= 1 && gateway.connect_timeout_s >= 1);
  CHECK(gateway.max_auth_tries >= 1 && gateway.max_channels_per_session >= 1);
  CHECK(config.recorder.commit_timeout_s >= 1 && config.recorder.queue_bytes_max >= 1 << 20);
}

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  const auto config = Config::parse(fuzz::input(data, size), "/etc/gatetape/gatetape.toml");
  if (config.ok()) {
    fuzz::check_config(*config);
    return 0;
  }
  const std::string message(config.status().message());
  CHECK(message.starts_with("/etc/gatetape/gatetape.toml:"), message);
  fuzz::check_shown(message);
  return 0;
}
