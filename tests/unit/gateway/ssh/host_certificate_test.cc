// Tests host certificates with stock clients that know only the authority, or only the plain key.
#include <gtest/gtest.h>

#include <string>

#include "formats/ssh_certificate.h"
#include "tests/support/ssh_server.h"

namespace gatetape::gateway {
namespace {

using testing::run;
using testing::ServerOptions;
using testing::ShimServer;
using testing::ssh_command;
using testing::TempDir;

// SshHostCertificate has a server key with a certificate for the name "db1".
class SshHostCertificate : public ::testing::Test {
 protected:
  SshHostCertificate() {
    run("ssh-keygen -q -t ed25519 -N '' -f " + dir_.path("server_key"));
    std::string key;
    from_base64(run("cut -d' ' -f2 " + dir_.path("server_key.pub") + " | tr -d '\\n'").out, &key);
    CertificateRequest request;
    request.public_key = key.substr(key.size() - 32);
    request.host = true;
    request.key_id = "db1";
    request.principals = {"db1"};
    request.valid_before = UINT64_MAX;
    options_.host_certificate = mint_certificate(ca_, request);
  }

  void know_only_authority() {
    dir_.write("known_hosts", "@cert-authority * ssh-ed25519 " +
                                  to_base64(ed25519_key_blob(ca_.public_key().raw)) + "\n");
  }

  std::string ssh(int port, const std::string& name) {
    return ssh_command(dir_, port, true) + " -o HostKeyAlias=" + name + " root@127.0.0.1 ";
  }

  TempDir dir_;
  SigningKey ca_ = SigningKey::generate();
  ServerOptions options_;
};

TEST_F(SshHostCertificate, a_client_that_knows_only_the_authority_is_let_in) {
  know_only_authority();
  ShimServer server(dir_, options_);
  EXPECT_EQ(run(ssh(server.port(), "db1") + "hello").out, "ran\n");
}

TEST_F(SshHostCertificate, a_client_rejects_a_certificate_for_another_name) {
  know_only_authority();
  ShimServer server(dir_, options_);
  EXPECT_EQ(run(ssh(server.port(), "db2") + "hello 2>/dev/null").out, "");
}

TEST_F(SshHostCertificate, without_a_certificate_the_authority_is_not_enough) {
  know_only_authority();
  options_.host_certificate.clear();
  ShimServer server(dir_, options_);
  EXPECT_EQ(run(ssh(server.port(), "db1") + "hello 2>/dev/null").out, "");
}

TEST_F(SshHostCertificate, a_client_that_asks_for_the_plain_key_gets_it) {
  dir_.write("known_hosts", "db1 " + testing::read_all(dir_.path("server_key.pub")));
  ShimServer server(dir_, options_);
  EXPECT_EQ(run(ssh(server.port(), "db1") + "-o HostKeyAlgorithms=ssh-ed25519 hello").out, "ran\n");
}

TEST_F(SshHostCertificate, rekeys_keep_the_certificate_and_every_byte_both_ways) {
  know_only_authority();
  ShimServer server(dir_, options_);
  run("head -c 20000000 /dev/urandom > " + dir_.path("input"));
  const auto result =
      run(ssh(server.port(), "db1") + "-v -o RekeyLimit=1M echo < " + dir_.path("input") + " 2>" +
          dir_.path("stderr") + " | cmp - " + dir_.path("input"));
  EXPECT_EQ(result.exit_code, 0) << testing::read_all(dir_.path("stderr"));
  const auto rekeys = run("grep -c 'Server host certificate: ssh-ed25519' " + dir_.path("stderr"));
  EXPECT_GT(std::stoi(rekeys.out), 5);
}

}  // namespace
}  // namespace gatetape::gateway
