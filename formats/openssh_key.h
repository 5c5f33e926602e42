// OpenSSH's forms of keys: public key lines, fingerprints, and the openssh-key-v1 private key text.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/crypto.h"

namespace gatetape {

// OpensshPublicKey is a line `type base64 comment`.
struct OpensshPublicKey {
  std::string type;     // "ssh-ed25519" ...
  std::string blob;     // the decoded base64: the RFC 4253 section 6.6 public key
  std::string comment;  // may be empty

  // parse reads one line. INVALID_ARGUMENT for options before the type, a certificate, a type that
  // we do not take (ssh-dss, RSA below 2048 bits), or a blob that is not of its type.
  static absl::StatusOr<OpensshPublicKey> parse(std::string_view line);
};

// openssh_fingerprint gives `SHA256:` and base64 without padding, as ssh-keygen -l shows it.
std::string openssh_fingerprint(std::string_view blob);
// openssh_blob gives the RFC 8709 public key blob of an Ed25519 key.
std::string openssh_blob(const PublicKey& key);
// openssh_line gives `ssh-ed25519 BASE64 comment`, without a line end.
std::string openssh_line(const PublicKey& key, std::string_view comment);
// openssh_private_key gives the private key file that ssh and libssh load, not encrypted (OpenSSH
// PROTOCOL.key).
std::string openssh_private_key(const SigningKey& key, std::string_view comment);

}  // namespace gatetape
