#include "gateway/ssh/setup.h"

#include <gtest/gtest.h>

#include "absl/cleanup/cleanup.h"
#include "base/bytes.h"

namespace gatetape::gateway {
namespace {

// key_of returns the beginning of a public key blob of this type.
std::string key_of(std::string_view type) {
  std::string blob;
  put_string(&blob, type);
  return blob;
}

struct Row {
  const char* name;
  std::vector<std::string> blobs;
  const char* algorithms;
};

class HostKeyAlgorithms : public testing::TestWithParam<Row> {};

TEST_P(HostKeyAlgorithms, each_key_type_of_the_target_is_offered_once) {
  EXPECT_EQ(host_key_algorithms(GetParam().blobs), GetParam().algorithms);
}

INSTANTIATE_TEST_SUITE_P(
    rows, HostKeyAlgorithms,
    testing::Values(
        Row{"none", {}, ""}, Row{"one", {key_of("ssh-ed25519")}, "ssh-ed25519"},
        Row{"twice", {key_of("ssh-ed25519"), key_of("ssh-ed25519")}, "ssh-ed25519"},
        Row{"inside_another_name",
            {key_of("sk-ssh-ed25519@openssh.com"), key_of("ssh-ed25519")},
            "sk-ssh-ed25519@openssh.com,ssh-ed25519"},
        Row{"two_signatures",
            {key_of("ssh-rsa"), key_of("ssh-ed25519"), key_of("ssh-rsa")},
            "rsa-sha2-512,rsa-sha2-256,ssh-ed25519"},
        Row{"unknown_type", {key_of("ssh-new"), key_of("ssh-ed25519")}, "ssh-new,ssh-ed25519"},
        Row{"no_type", {"", "\x01", key_of("ssh-ed25519")}, "ssh-ed25519"}),
    [](const auto& row) { return std::string(row.param.name); });

// libssh drops the names of a list that it does not know, and rejects a list of which nothing is
// left. So each name stands alone.
TEST(MakeBind, libssh_accepts_each_algorithm_that_a_configuration_may_name) {
  const SigningKey key = SigningKey::generate();
  const auto accepts = [&](const SshAlgorithms& algorithms) {
    const absl::StatusOr<ssh_bind> bind = make_bind(key, algorithms);
    const absl::Cleanup free_bind = [&] {
      if (bind.ok()) ssh_bind_free(*bind);
    };
    return bind.ok();
  };
  const SshAlgorithms& allowed = allowed_algorithms();
  for (const std::string& name : allowed.kex) EXPECT_TRUE(accepts({.kex = {name}})) << name;
  for (const std::string& name : allowed.ciphers) EXPECT_TRUE(accepts({.ciphers = {name}})) << name;
  for (const std::string& name : allowed.macs) EXPECT_TRUE(accepts({.macs = {name}})) << name;
  EXPECT_FALSE(accepts({.kex = {"unknown"}}));
  EXPECT_FALSE(accepts({.ciphers = {"unknown"}}));
  EXPECT_FALSE(accepts({.macs = {"unknown"}}));
}

}  // namespace
}  // namespace gatetape::gateway
