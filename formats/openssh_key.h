// The text and binary forms of keys that OpenSSH uses: public key lines, fingerprints, and the
// private key file openssh-key-v1. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/crypto.h"

namespace gatetape {

// OpensshPublicKey is a line of the form `type base64 comment`.
struct OpensshPublicKey {
  std::string type;     // "ssh-ed25519" ...
  std::string blob;     // the decoded base64: a public key by RFC 4253 section 6.6
  std::string comment;  // may be empty

  // parse reads one line. It fails with INVALID_ARGUMENT for options before the type, for a
  // certificate, for a type that gatetape does not support (ssh-dss, RSA below 2048 bits), and for
  // a blob that does not fit the type.
  static absl::StatusOr<OpensshPublicKey> parse(std::string_view line);
};

// openssh_fingerprint returns `SHA256:` and base64 without padding, as ssh-keygen -l prints it.
std::string openssh_fingerprint(std::string_view blob);
// openssh_blob returns the public key blob (RFC 8709) of an Ed25519 key.
std::string openssh_blob(const PublicKey& key);
// openssh_line returns `ssh-ed25519 BASE64 comment` without a line end.
std::string openssh_line(const PublicKey& key, std::string_view comment);
// openssh_private_key returns an unencrypted private key file that ssh and libssh load (OpenSSH
// PROTOCOL.key).
std::string openssh_private_key(const SigningKey& key, std::string_view comment);

}  // namespace gatetape
