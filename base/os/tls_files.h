// The files of [tls], checked before gRPC uses them. gRPC would start with missing or wrong files
// and report the problem later, without the name of the file. Pure except for the files; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/os/peer_role.h"

namespace gatetape {

// TlsConfig names the PEM files for mutual TLS. They are used for endpoints of the form
// `HOST:PORT`, not for `unix:PATH`.
struct TlsConfig {
  std::string certificate;
  std::string key;
  std::string ca;
};

// read_tls_expiry reads certificate, key and CA, and returns the end of the certificate's validity
// (Unix time in seconds). It fails with NOT_FOUND or PERMISSION_DENIED for a file that cannot be
// read, and with INVALID_ARGUMENT for a file that is not PEM of its kind, a key that is encrypted
// or belongs to another certificate, and a certificate that is not valid at `now_s`. The message
// begins with the name of the file.
absl::StatusOr<int64_t> read_tls_expiry(const TlsConfig& tls, int64_t now_s);
// read_tls_role returns the role that a certificate names (base/os/peer_role.h). It fails with
// NOT_FOUND or INVALID_ARGUMENT for a file that holds no certificate, and with PERMISSION_DENIED
// for a certificate without a role or with an unknown one. The message begins with the file's name.
absl::StatusOr<PeerRole> read_tls_role(const std::string& certificate);

// OwnTls is what a daemon checks when it starts.
struct OwnTls {
  std::vector<std::string> endpoints;  // that the daemon listens on or connects to
  TlsConfig tls;
  PeerRole role = PeerRole::kGateway;  // of the daemon
};
// check_tls_files checks the files at the start of a daemon when one of the endpoints is HOST:PORT,
// and returns OK otherwise. It fails as read_tls_expiry and read_tls_role do, and with
// INVALID_ARGUMENT for a certificate with the role of another daemon.
absl::Status check_tls_files(const OwnTls& own, int64_t now_s);

}  // namespace gatetape
