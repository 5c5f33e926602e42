#include "policy/ssh_algorithms.h"

#include <gtest/gtest.h>

namespace gatetape {
namespace {

using Names = std::vector<std::string>;

TEST(SshAlgorithms, the_defaults_are_allowed_and_exclude_no_libssh2) {
  const SshAlgorithms offered;
  EXPECT_EQ(check_algorithms("kex", offered.kex, allowed_algorithms().kex), absl::OkStatus());
  EXPECT_EQ(check_algorithms("ciphers", offered.ciphers, allowed_algorithms().ciphers),
            absl::OkStatus());
  EXPECT_EQ(check_algorithms("macs", offered.macs, allowed_algorithms().macs), absl::OkStatus());
  EXPECT_EQ(lists_without_libssh2(offered), Names());
}

TEST(SshAlgorithms, a_list_that_excludes_libssh2_is_named) {
  SshAlgorithms offered;
  offered.macs = {"hmac-sha2-256-etm@openssh.com"};
  EXPECT_EQ(lists_without_libssh2(offered), Names{"macs"});
  offered.ciphers = {"aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"};
  EXPECT_EQ(lists_without_libssh2(offered), (Names{"ciphers", "macs"}));
  offered.ciphers.emplace_back("aes192-ctr");
  offered.macs.emplace_back("hmac-sha2-512");
  EXPECT_EQ(lists_without_libssh2(offered), Names());
}

TEST(SshAlgorithms, an_unknown_name_is_shown_without_its_control_bytes) {
  const absl::Status status = check_algorithms("macs", {"\x1b[2J"}, allowed_algorithms().macs);
  EXPECT_EQ(status.message().find('\x1b'), std::string::npos) << status;
}

}  // namespace
}  // namespace gatetape
