// ssh_setup: sets libssh's options for both roles: strong algorithms only, and no configuration
// files of the machine. docs/OPERATIONS.md lists the algorithms. make_bind: main thread; the other
// functions: any thread.
#pragma once

#include <libssh/libssh.h>
#include <libssh/server.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"
#include "policy/ssh_algorithms.h"

namespace gatetape::gateway {

// make_bind returns the server options with this host key and these algorithms, which all loops
// only read. It fails with INTERNAL when libssh does not accept them.
absl::StatusOr<ssh_bind> make_bind(const SigningKey& host_key, const SshAlgorithms& algorithms);
// host_key_algorithms returns the signature algorithms for the types of these public key blobs,
// separated by commas and each once, in the order of the keys. Blobs without a type are skipped.
std::string host_key_algorithms(const std::vector<std::string>& blobs);
// set_client_options sets the options of a client session on a connected descriptor.
// `host_key_blobs` are the keys that the target may show; only their algorithms are offered.
absl::Status set_client_options(ssh_session session, int fd,
                                const std::vector<std::string>& host_key_blobs);
// key_blob returns the blob of a public key (RFC 4253 section 6.6), or of the certificate when the
// key has one. It returns an empty string when libssh cannot export the key.
std::string key_blob(ssh_key key);

}  // namespace gatetape::gateway
