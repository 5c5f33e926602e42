#include "policy/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/toml.h"

namespace gatetape {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatetape_config_XXXXXX";
    dir_ = mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  absl::StatusOr<Config> load(const std::string& text) {
    std::ofstream(dir_ + "/gatetape.toml") << text;
    return Config::load(dir_ + "/gatetape.toml");
  }

  std::string dir_;
};

TEST_F(ConfigTest, an_empty_file_gives_the_defaults_with_absolute_paths) {
  const auto config = load("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->dir, dir_);
  EXPECT_EQ(config->path, dir_ + "/gatetape.toml");
  EXPECT_FALSE(config->name.empty());
  EXPECT_EQ(config->recorders,
            std::vector<std::string>{"unix:" + dir_ + "/run/recorder/recorder.sock"});
  EXPECT_EQ(config->recorder.listen, "unix:" + dir_ + "/run/recorder/recorder.sock");
  EXPECT_EQ(config->gateway.host_key, dir_ + "/keys/gateway_host.pem");
  EXPECT_EQ(config->gateway.access_file, dir_ + "/access.toml");
  EXPECT_EQ(config->gateway.banner, "");
  EXPECT_EQ(config->gateway.checkpoint_file, dir_ + "/gateway/checkpoint");
  EXPECT_TRUE(config->gateway.log_keys.empty());
  EXPECT_EQ(config->auditd.signing_key, dir_ + "/keys/auditd_sign.pem");
  EXPECT_TRUE(config->tls.ca.empty());
}

TEST_F(ConfigTest, the_log_has_defaults_and_its_keys_arrive) {
  const auto defaults = load("name = \"gw1\"");
  ASSERT_TRUE(defaults.ok()) << defaults.status();
  EXPECT_EQ(defaults->log.origin, "gw1.gatetape/log");
  EXPECT_EQ(defaults->log.publish_dir, dir_ + "/published");
  EXPECT_EQ(defaults->auditd.log_key, dir_ + "/keys/log_sign.pem");
  EXPECT_EQ(defaults->auditd.log_database, "");
  const auto config = load(R"(
[auditd]
log_key = "l.pem"
log_database = "dbname=x"
[log]
origin = "audit.example/log"
publish_dir = "/srv/log"
unterminated_after = 3600
witnesses = [{ url = "https://w.example/a/", key = "w+1+2" }, { url = "http://x", key = "x" }]
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->auditd.log_key, dir_ + "/l.pem");
  EXPECT_EQ(config->auditd.log_database, "dbname=x");
  EXPECT_EQ(config->log.origin, "audit.example/log");
  EXPECT_EQ(config->log.publish_dir, "/srv/log");
  EXPECT_EQ(config->log.unterminated_after_s, 3600u);
  ASSERT_EQ(config->log.witnesses.size(), 2u);
  EXPECT_EQ(config->log.witnesses[0].url, "https://w.example/a");
  EXPECT_EQ(config->log.witnesses[0].key, "w+1+2");
}

TEST_F(ConfigTest, every_key_of_the_file_arrives) {
  const auto config = load(R"(
name = "gw1"
log_level = "debug"
recorders = ["10.0.0.1:7000", "unix:/srv/r.sock"]
[tls]
certificate = "c.pem"
key = "/etc/k.pem"
ca = "ca.pem"
[gateway]
listen = ["[::]:22", "0.0.0.0:0"]
threads = 8
window_bytes = 65536
freeze_timeout_s = 1
max_auth_tries = 3
banner = "banner.txt"
checkpoint_file = "/var/lib/gw/checkpoint"
log_keys = ["keys/log.vkey"]
kex = ["ecdh-sha2-nistp384"]
ciphers = ["aes256-ctr", "aes192-ctr"]
macs = ["hmac-sha2-512"]
[recorder]
listen = "127.0.0.1:7000"
database = "host=/run/pg"
commit_timeout_s = 5
synchronous_commit = "remote_apply"
queue_bytes_max = 1048576
[auditd]
writer_keys = ["keys/a.pub", "/b.pub"]
recorder_keys = ["keys/r.pub"]
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->name, "gw1");
  EXPECT_EQ(config->recorders[1], "unix:/srv/r.sock");
  EXPECT_EQ(config->tls.certificate, dir_ + "/c.pem");
  EXPECT_EQ(config->tls.key, "/etc/k.pem");
  EXPECT_EQ(config->gateway.listen.size(), 2u);
  EXPECT_EQ(config->gateway.threads, 8u);
  EXPECT_EQ(config->gateway.window_bytes, 65536u);
  EXPECT_EQ(config->gateway.banner, dir_ + "/banner.txt");
  EXPECT_EQ(config->gateway.checkpoint_file, "/var/lib/gw/checkpoint");
  EXPECT_EQ(config->gateway.log_keys, std::vector<std::string>{dir_ + "/keys/log.vkey"});
  EXPECT_EQ(config->gateway.algorithms.kex, std::vector<std::string>{"ecdh-sha2-nistp384"});
  EXPECT_EQ(config->gateway.algorithms.ciphers,
            (std::vector<std::string>{"aes256-ctr", "aes192-ctr"}));
  EXPECT_EQ(config->gateway.algorithms.macs, std::vector<std::string>{"hmac-sha2-512"});
  EXPECT_EQ(config->recorder.database, "host=/run/pg");
  EXPECT_EQ(config->recorder.synchronous_commit, "remote_apply");
  EXPECT_EQ(config->recorder.queue_bytes_max, 1048576u);
  EXPECT_EQ(config->auditd.writer_keys[0], dir_ + "/keys/a.pub");
  EXPECT_EQ(config->auditd.writer_keys[1], "/b.pub");
}

TEST_F(ConfigTest, what_is_wrong_is_refused_with_its_line) {
  const std::string long_path(108, 'x');
  const struct {
    const char* name;
    std::string text;
    const char* error;
  } kRows[] = {
      {"no TOML", "name = \"a\"\n=\n", ":2: "},
      {"unknown key", "\nnmae = \"a\"", ":2: unknown key `nmae`"},
      {"unknown section", "[gatway]\nthreads = 1", ":1: unknown key `gatway`"},
      {"unknown key in a section", "[gateway]\nthread = 1", ":2: unknown key `thread`"},
      {"text for a number", "[gateway]\nthreads = \"2\"", ":2: `threads` must be a whole number"},
      {"number for a text", "name = 2", ":1: `name` must be a string"},
      {"below the range", "[gateway]\nthreads = 0", ":2: `threads` must be from 1 to 256"},
      {"negative", "[gateway]\nthreads = -1", "must be from 1"},
      {"above the range", "[gateway]\nmax_auth_tries = 101", "must be from 1 to 100"},
      {"list with a number", "recorders = [\"unix:/a\", 3]", "must hold only strings"},
      {"no list", "[gateway]\nlisten = \"0.0.0.0:22\"", "must be a list"},
      {"empty list", "[gateway]\nlisten = []", "`listen` is empty"},
      {"no port", "[gateway]\nlisten = [\"0.0.0.0\"]", ":2: `0.0.0.0` is not host:port"},
      {"gateway on a unix socket", "[gateway]\nlisten = [\"unix:/a\"]", "listens on addr:port"},
      {"weak MAC", "[gateway]\nmacs = [\"hmac-sha2-256\", \"hmac-sha1\"]",
       ":2: `macs` names `hmac-sha1`, which is not allowed; allowed are "
       "hmac-sha2-256-etm@openssh.com, hmac-sha2-512-etm@openssh.com, hmac-sha2-256, "
       "hmac-sha2-512"},
      {"weak cipher", "[gateway]\nciphers = [\"3des-cbc\"]", "allowed are aes128-gcm@openssh.com"},
      {"weak key exchange",
       "[gateway]\nmacs = [\"hmac-sha2-256\"]\n"
       "kex = [\"diffie-hellman-group1-sha1\"]",
       ":3: `kex` names `diffie-hellman-group1-sha1`"},
      {"no MAC", "[gateway]\nmacs = []", ":2: `macs` is empty; allowed are "},
      {"MAC twice", "[gateway]\nmacs = [\"hmac-sha2-256\", \"hmac-sha2-256\"]",
       "`macs` names `hmac-sha2-256` twice"},
      {"text for MACs", "[gateway]\nmacs = \"hmac-sha2-256\"", "`macs` must be a list"},
      {"number among MACs", "[gateway]\nmacs = [1]", "`macs` must hold only strings"},
      {"level", "log_level = \"verbose\"", "debug, info, warn, error"},
      {"commits that are not waited for", "[recorder]\n\nsynchronous_commit = \"off\"",
       ":3: `synchronous_commit` is one of on, remote_apply, local"},
      {"commits that a standby has in memory only",
       "[recorder]\nsynchronous_commit = \"remote_write\"", "is one of on, remote_apply, local"},
      {"TCP without TLS", "[recorder]\nlisten = \"0.0.0.0:7000\"", "needs [tls]"},
      {"half of TLS", "recorders = [\"a:1\"]\n[tls]\ncertificate = \"c\"", "needs [tls]"},
      {"socket without a path", "recorders = [\"unix:\"]", "`unix:` has no path"},
      {"NUL in a socket path", "recorders = [\"unix:/a\\u0000b\"]",
       ":1: `recorders` must not hold a NUL"},
      {"NUL in a path", "\n[gateway]\nhost_key = \"a\\u0000b\"",
       ":3: `host_key` must not hold a NUL"},
      {"auditd over TCP", "[auditd]\n\nlisten = \"127.0.0.1:7000\"",
       ":3: auditd listens on unix:PATH only"},
      {"witness without http", "[log]\nwitnesses = [{ url = \"w.example\", key = \"k\" }]",
       ":2: `url` of a witness begins with http:// or https://"},
      {"witness without a key", "[log]\nwitnesses = [{ url = \"http://w\" }]",
       "a witness needs `key`"},
      {"empty publish_dir", "[log]\npublish_dir = \"\"", ":2: `publish_dir` is empty"},
      {"long socket path", "[auditd]\nlisten = \"unix:/" + long_path + "\"", "107 characters"},
  };
  for (const auto& row : kRows) {
    const auto config = load(row.text);
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << row.name;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr("gatetape.toml:")) << row.name;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(row.error)) << row.name;
  }
}

std::string packaged(const std::string& name) {
  const auto text = read_whole_file(GATETAPE_PACKAGING "/" + name);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

// The value of the only line KEY=VALUE of a unit.
std::string setting(const std::string& unit, const std::string& key) {
  const size_t at = unit.find("\n" + key + "=");
  if (at == std::string::npos) return "";
  const size_t begin = at + key.size() + 2;
  return unit.substr(begin, unit.find('\n', begin) - begin);
}

// The units make everything except /run/gatetape/NAME read-only.
TEST_F(ConfigTest, the_packaged_example_fits_the_packaged_units) {
  const auto config = Config::load(GATETAPE_PACKAGING "/gatetape.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string gateway = packaged("gatetape-gateway.service");
  const std::string recorder = packaged("gatetape-recorder.service");
  const std::string auditd = packaged("gatetape-auditd.service");
  EXPECT_EQ(config->recorders, std::vector<std::string>{config->recorder.listen});
  EXPECT_THAT(config->recorder.listen,
              StartsWith("unix:/run/" + setting(recorder, "RuntimeDirectory") + "/"));
  EXPECT_THAT(config->auditd.listen,
              StartsWith("unix:/run/" + setting(auditd, "RuntimeDirectory") + "/"));
  EXPECT_EQ(config->recorder.allowed_users,
            (std::vector<std::string>{setting(gateway, "User"), setting(auditd, "User")}));
  for (const std::string& unit : {gateway, recorder, auditd})
    EXPECT_THAT(unit, HasSubstr("--config /etc/gatetape/gatetape.toml\n"));
  for (const std::string& path : {config->gateway.access_file, config->gateway.signing_key,
                                  config->recorder.signing_key, config->auditd.signing_key})
    EXPECT_THAT(path, StartsWith("/etc/gatetape/"));
}

TEST_F(ConfigTest, a_file_that_we_may_not_read_is_denied) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  std::ofstream(dir_ + "/gatetape.toml") << "";
  std::filesystem::permissions(dir_ + "/gatetape.toml", std::filesystem::perms::none);
  EXPECT_EQ(Config::load(dir_ + "/gatetape.toml").status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(ConfigTest, a_missing_file_is_not_found) {
  EXPECT_EQ(Config::load(dir_ + "/none.toml").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gatetape
