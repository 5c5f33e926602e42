// ssh_setup: libssh's options for both roles: strong algorithms only, no files of the machine's own
// configuration. docs/OPERATIONS.md names the algorithms. Main thread (make_bind), session loop.
#pragma once

#include <libssh/libssh.h>
#include <libssh/server.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"

namespace gatetape::gateway {

// make_bind gives the server options with this host key; used read-only by all loops.
absl::StatusOr<ssh_bind> make_bind(const SigningKey& host_key);
// set_client_options prepares a client session on a connected descriptor. `host_key_blobs` are the
// keys that the target may show: their algorithms are asked for.
absl::Status set_client_options(ssh_session session, int fd,
                                const std::vector<std::string>& host_key_blobs);
// key_blob gives the RFC 4253 section 6.6 blob of a public key (of the certificate, when it is
// one).
std::string key_blob(ssh_key key);

}  // namespace gatetape::gateway
