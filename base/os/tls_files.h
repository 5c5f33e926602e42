// The files of [tls]: looked at before gRPC takes them, because gRPC starts without them and
// complains later, in its own words. Pure but for the files; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatetape {

// TlsConfig names PEM files for mutual TLS; used when an endpoint is `HOST:PORT`, not `unix:PATH`.
struct TlsConfig {
  std::string certificate;
  std::string key;
  std::string ca;
};

// read_tls_expiry reads certificate, key and ca, and gives when the certificate ends (Unix time, in
// s). NOT_FOUND or PERMISSION_DENIED for a file that cannot be read; INVALID_ARGUMENT for one that
// is no PEM of its kind, a key that is encrypted or of another certificate, or a certificate that
// is not valid at `now_s`. The message begins with the file.
absl::StatusOr<int64_t> read_tls_expiry(const TlsConfig& tls, int64_t now_s);
// check_tls_files is what a daemon does at its start: read_tls_expiry when one of the endpoints is
// HOST:PORT; OK when none is.
absl::Status check_tls_files(const std::vector<std::string>& endpoints, const TlsConfig& tls,
                             int64_t now_s);

}  // namespace gatetape
