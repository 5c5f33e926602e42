#include "formats/key_types.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace gatetape {
namespace {

TEST(KeyTypesTest, each_type_has_a_certificate_of_its_own) {
  std::set<std::string_view> certificates;
  for (const SshKeyType& type : kSshKeyTypes) {
    EXPECT_EQ(find_key_type(type.name), &type);
    const std::string plain(type.name.substr(0, type.name.find('@')));
    EXPECT_EQ(type.certificate, plain + "-cert-v01@openssh.com");
    EXPECT_TRUE(certificates.insert(type.certificate).second) << type.certificate;
  }
}

TEST(KeyTypesTest, weak_types_and_certificates_are_not_accepted) {
  for (const char* name : {"ssh-dss", "ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512", ""})
    EXPECT_EQ(find_key_type(name), nullptr) << name;
}

TEST(KeyTypesTest, rsa_keys_sign_with_sha2_alone) {
  EXPECT_EQ(find_key_type("ssh-rsa")->signatures, "rsa-sha2-512,rsa-sha2-256");
}

}  // namespace
}  // namespace gatetape
