#include "witness/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/toml.h"

namespace gatetape::witness {
namespace {

using ::testing::HasSubstr;

std::string vkey(const std::string& name, NoteKeyType type = NoteKeyType::kEd25519) {
  return VerifierKey{name, type, SigningKey::generate().public_key()}.to_text();
}

const std::string kFirst =
    "name = \"witness.example/w1\"\n"
    "key = \"keys/witness.pem\"\n"
    "listen = \"127.0.0.1:8084\"\n"
    "state_dir = \"/var/lib/witness\"\n";

std::string with_log(const std::string& keys) {
  return kFirst + "[[log]]\nkeys = [" + keys + "]\n";
}
std::string quoted(const std::string& text) { return '"' + text + '"'; }

TEST(WitnessConfig, a_whole_file_is_read) {
  const std::string one = vkey("a.gatetape/log"), two = vkey("a.gatetape/log"),
                    other = vkey("b.gatetape/log");
  const auto config = WitnessConfig::parse(kFirst +
                                               "log_level = \"debug\"\n[tls]\ncertificate = "
                                               "\"a.pem\"\nkey = \"a.key\"\n[[log]]\nkeys = [" +
                                               quoted(one) + ", " + quoted(two) +
                                               "]\n[[log]]\nkeys = [" + quoted(other) + "]\n",
                                           "/etc/gatetape/witness.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->name, "witness.example/w1");
  EXPECT_EQ(config->key, "/etc/gatetape/keys/witness.pem");
  EXPECT_EQ(config->listen, "127.0.0.1:8084");
  EXPECT_EQ(config->state_dir, "/var/lib/witness");
  EXPECT_EQ(config->certificate, "/etc/gatetape/a.pem");
  EXPECT_EQ(config->certificate_key, "/etc/gatetape/a.key");
  EXPECT_EQ(config->log_level, "debug");
  ASSERT_EQ(config->logs.size(), 3U);
  EXPECT_EQ(config->logs[1].to_text(), two);
  EXPECT_EQ(config->logs[2].name, "b.gatetape/log");
}

TEST(WitnessConfig, an_error_names_its_line) {
  const std::string log = quoted(vkey("a.gatetape/log"));
  const struct {
    const char* name;
    std::string text;
    const char* error;
  } kRows[] = {
      {"no log", kFirst, "there is no [[log]]"},
      {"a log without keys", with_log(""), "w.toml:5: [[log]] needs `keys`"},
      {"text that is no key", with_log("\"x\""), "w.toml:6: x is no verifier key of a log"},
      {"a key of a witness", with_log(quoted(vkey("w1", NoteKeyType::kCosignature))),
       "w.toml:6: w1+"},
      {"a name with a space", "name = \"a b\"\n" + with_log(log).substr(kFirst.find("key")),
       "w.toml:1: `name` is no key name"},
      {"no name", with_log(log).substr(kFirst.find("key")), "`name` is missing"},
      {"no state_dir", "name = \"w\"\nkey = \"k\"\nlisten = \"x\"\n[[log]]\nkeys = [" + log + "]\n",
       "`state_dir` is missing"},
      {"half of [tls]", with_log(log) + "[tls]\ncertificate = \"a.pem\"\n",
       "w.toml:7: [tls] needs `certificate` and `key`"},
      {"an unknown key", with_log(log) + "origin = \"x\"\n", "w.toml:7: "},
      {"an unknown level", "log_level = \"loud\"\n" + with_log(log), "w.toml:1: `log_level` is"},
      {"no TOML", "name =", "w.toml:1: "},
  };
  for (const auto& row : kRows) {
    const auto config = WitnessConfig::parse(row.text, "w.toml");
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << row.name;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(row.error)) << row.name;
  }
}

TEST(WitnessConfig, the_packaged_example_is_accepted) {
  const auto config = WitnessConfig::load(GATETAPE_PACKAGING "/witness.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const auto unit = read_whole_file(GATETAPE_PACKAGING "/gatetape-witness.service");
  ASSERT_TRUE(unit.ok()) << unit.status();
  EXPECT_THAT(*unit, HasSubstr("\nStateDirectory=" + config->state_dir.substr(9) + "\n"));
  EXPECT_THAT(*unit, HasSubstr(" --config /etc/gatetape-witness/witness.toml\n"));
  EXPECT_EQ(config->key, "/etc/gatetape-witness/witness.pem");
}

}  // namespace
}  // namespace gatetape::witness
