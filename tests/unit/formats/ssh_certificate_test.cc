// Certificates: OpenSSH's tools accept the certificates of gatetape, and hostile bytes fail to
// parse.
#include "formats/ssh_certificate.h"

#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"
#include "tests/support/ssh_tools.h"

namespace gatetape {
namespace {

using testing::read_all;
using testing::run;
using testing::TempDir;

CertificateRequest user_request() {
  CertificateRequest request;
  request.public_key = SigningKey::generate().public_key().raw;
  request.serial = 0x0102030405060708;
  request.key_id = "gw:alice session=1";
  request.principals = {"root", "deploy"};
  request.valid_after = 1767225600;  // 2026-01-01T00:00:00Z
  request.valid_before = 1767225900;
  request.critical_options = {{"source-address", "10.0.0.5/32"}, {"force-command", "/bin/true"}};
  request.extensions = {"permit-pty", "permit-agent-forwarding"};
  return request;
}

TEST(SshCertificate, keygen_lists_every_field_as_requested) {
  const SigningKey ca = SigningKey::generate();
  TempDir dir;
  dir.write("cert.pub", "ssh-ed25519-cert-v01@openssh.com " +
                            to_base64(mint_certificate(ca, user_request())) + " x\n");
  const std::string listed = run("TZ=UTC ssh-keygen -L -f " + dir.path("cert.pub")).out;
  for (const char* line :
       {"Type: ssh-ed25519-cert-v01@openssh.com user certificate", "Signing CA: ED25519",
        "Key ID: \"gw:alice session=1\"", "Serial: 72623859790382856",
        "Valid: from 2026-01-01T00:00:00 to 2026-01-01T00:05:00", "root\n", "deploy\n",
        "force-command /bin/true\n", "source-address 10.0.0.5/32\n",
        "permit-agent-forwarding\n                permit-pty\n"}) {
    EXPECT_NE(listed.find(line), std::string::npos) << line << "\nin\n" << listed;
  }
}

TEST(SshCertificate, keygen_sees_a_host_certificate) {
  CertificateRequest request = user_request();
  request.host = true;
  request.critical_options.clear();
  request.extensions.clear();
  TempDir dir;
  dir.write("cert.pub", "ssh-ed25519-cert-v01@openssh.com " +
                            to_base64(mint_certificate(SigningKey::generate(), request)) + " x\n");
  const std::string listed = run("ssh-keygen -L -f " + dir.path("cert.pub")).out;
  EXPECT_NE(listed.find("host certificate"), std::string::npos) << listed;
  EXPECT_NE(listed.find("Critical Options: (none)"), std::string::npos) << listed;
}

TEST(SshCertificate, what_was_minted_is_parsed_back_and_verified) {
  const SigningKey ca = SigningKey::generate();
  const CertificateRequest request = user_request();
  const auto parsed = parse_certificate(mint_certificate(ca, request));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->public_key, ed25519_key_blob(request.public_key));
  EXPECT_EQ(parsed->serial, request.serial);
  EXPECT_FALSE(parsed->host);
  EXPECT_EQ(parsed->key_id, request.key_id);
  EXPECT_EQ(parsed->principals, request.principals);
  EXPECT_EQ(parsed->valid_after, request.valid_after);
  EXPECT_EQ(parsed->valid_before, request.valid_before);
  ASSERT_EQ(parsed->critical_options.size(), 2u);
  EXPECT_EQ(parsed->critical_options[0].first, "force-command");
  EXPECT_EQ(parsed->critical_options[0].second, "/bin/true");
  ASSERT_EQ(parsed->extensions.size(), 2u);
  EXPECT_EQ(parsed->extensions[1].first, "permit-pty");
  EXPECT_EQ(parsed->authority, ed25519_key_blob(ca.public_key().raw));
  EXPECT_TRUE(verify_certificate_signature(*parsed));
}

TEST(SshCertificate, keygens_certificates_of_every_key_type_are_parsed) {
  TempDir dir;
  run("ssh-keygen -q -t ed25519 -N '' -f " + dir.path("ca"));
  for (const std::string type : {"ed25519", "ecdsa", "rsa"}) {
    const std::string key = dir.path(type);
    run("ssh-keygen -q -t " + type + " -N '' -f " + key + " && ssh-keygen -q -s " + dir.path("ca") +
        " -I me -n root -V +1h -O source-address=10.0.0.0/8 " + key + ".pub");
    std::string blob;
    ASSERT_TRUE(from_base64(run("cut -d' ' -f2 " + key + "-cert.pub | tr -d '\\n'").out, &blob));
    const auto parsed = parse_certificate(blob);
    ASSERT_TRUE(parsed.ok()) << type << parsed.status();
    EXPECT_TRUE(verify_certificate_signature(*parsed)) << type;
    std::string plain;
    ASSERT_TRUE(from_base64(run("cut -d' ' -f2 " + key + ".pub | tr -d '\\n'").out, &plain));
    EXPECT_EQ(parsed->public_key, plain) << type;
  }
}

TEST(SshCertificate, every_altered_byte_is_noticed) {
  const std::string blob = mint_certificate(SigningKey::generate(), user_request());
  for (size_t i = 0; i < blob.size(); ++i) {
    std::string altered = blob;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    const auto parsed = parse_certificate(altered);
    EXPECT_FALSE(parsed.ok() && verify_certificate_signature(*parsed)) << "byte " << i;
  }
}

TEST(SshCertificate, every_truncation_and_excess_is_refused) {
  const std::string blob = mint_certificate(SigningKey::generate(), user_request());
  for (size_t size = 0; size < blob.size(); ++size) {
    EXPECT_FALSE(parse_certificate(blob.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(parse_certificate(blob + '\0').ok());
}

TEST(SshCertificate, sshd_with_the_authority_lets_the_principal_in_and_nobody_else) {
  const SigningKey ca = SigningKey::generate();
  TempDir dir;
  dir.write("ca.pub", "ssh-ed25519 " + to_base64(ed25519_key_blob(ca.public_key().raw)) + "\n");
  testing::StockSshd sshd(dir, "TrustedUserCAKeys " + dir.path("ca.pub") + "\n");
  run("ssh-keygen -q -t ed25519 -N '' -f " + dir.path("id"));
  std::string key;
  ASSERT_TRUE(from_base64(run("cut -d' ' -f2 " + dir.path("id.pub") + " | tr -d '\\n'").out, &key));
  CertificateRequest request = user_request();
  request.public_key = key.substr(key.size() - 32);
  request.valid_after = 0;
  request.valid_before = UINT64_MAX;
  request.critical_options = {{"source-address", "127.0.0.0/8"}};
  const std::string ssh =
      testing::ssh_command(dir, sshd.port()) + " -i " + dir.path("id") + " root@127.0.0.1 echo in";
  const auto write_certificate = [&] {
    dir.write("id-cert.pub", "ssh-ed25519-cert-v01@openssh.com " +
                                 to_base64(mint_certificate(ca, request)) + " x\n");
  };
  write_certificate();
  EXPECT_EQ(run(ssh).out, "in\n") << read_all(dir.path("sshd.log"));
  const std::string log = read_all(dir.path("sshd.log"));
  EXPECT_NE(log.find("ID gw:alice session=1 (serial 72623859790382856)"), std::string::npos) << log;

  request.principals = {"deploy"};
  write_certificate();
  EXPECT_EQ(run(ssh).out, "");
  request.principals = {"root"};
  request.critical_options = {{"source-address", "10.0.0.0/8"}};
  write_certificate();
  EXPECT_EQ(run(ssh).out, "");
}

}  // namespace
}  // namespace gatetape
