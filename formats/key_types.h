// SshKeyType: the types of SSH keys that gatetape accepts, in the order of preference. Every list
// of key types and of algorithms is made from this one. Pure; any thread.
#pragma once

#include <array>
#include <string_view>

namespace gatetape {

struct SshKeyType {
  std::string_view name;         // name of the type of the public key
  std::string_view certificate;  // name of the type of an OpenSSH certificate for such a key
  std::string_view signatures;   // signature algorithms, separated by commas
  int strings;  // number of strings in the blob of the key after its type, also in a certificate
};

// RFC 4253, RFC 5656, RFC 8332 (the signatures of ssh-rsa), RFC 8709, and OpenSSH's PROTOCOL.u2f
// and PROTOCOL.certkeys.
constexpr std::array<SshKeyType, 7> kSshKeyTypes = {{
    {.name = "ssh-ed25519",
     .certificate = "ssh-ed25519-cert-v01@openssh.com",
     .signatures = "ssh-ed25519",
     .strings = 1},
    {.name = "sk-ssh-ed25519@openssh.com",
     .certificate = "sk-ssh-ed25519-cert-v01@openssh.com",
     .signatures = "sk-ssh-ed25519@openssh.com",
     .strings = 2},
    {.name = "ecdsa-sha2-nistp256",
     .certificate = "ecdsa-sha2-nistp256-cert-v01@openssh.com",
     .signatures = "ecdsa-sha2-nistp256",
     .strings = 2},
    {.name = "ecdsa-sha2-nistp384",
     .certificate = "ecdsa-sha2-nistp384-cert-v01@openssh.com",
     .signatures = "ecdsa-sha2-nistp384",
     .strings = 2},
    {.name = "ecdsa-sha2-nistp521",
     .certificate = "ecdsa-sha2-nistp521-cert-v01@openssh.com",
     .signatures = "ecdsa-sha2-nistp521",
     .strings = 2},
    {.name = "sk-ecdsa-sha2-nistp256@openssh.com",
     .certificate = "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
     .signatures = "sk-ecdsa-sha2-nistp256@openssh.com",
     .strings = 3},
    {.name = "ssh-rsa",
     .certificate = "ssh-rsa-cert-v01@openssh.com",
     .signatures = "rsa-sha2-512,rsa-sha2-256",
     .strings = 2},
}};

// find_key_type returns the type of that name, or nullptr when gatetape does not accept it.
constexpr const SshKeyType* find_key_type(std::string_view name) {
  for (const SshKeyType& type : kSshKeyTypes)
    if (type.name == name) return &type;
  return nullptr;
}

}  // namespace gatetape
