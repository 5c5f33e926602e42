// The files of [tls], checked before gRPC uses them. gRPC would start with missing or wrong files
// and report the problem later, without the name of the file. Pure except for the files; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

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
// check_tls_files checks the files at the start of a daemon: it calls read_tls_expiry when one of
// the endpoints is HOST:PORT, and returns OK otherwise.
absl::Status check_tls_files(const std::vector<std::string>& endpoints, const TlsConfig& tls,
                             int64_t now_s);

}  // namespace gatetape
