// record_credentials: how a recorder is reached: what the gateway's and auditd's link uses, and
// `gatetape doctor` when it asks whether one is well. Any thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "base/os/tls_files.h"

namespace gatetape {

// record_credentials gives those for an endpoint of the configuration: none for unix:PATH, where
// the recorder looks at the peer's uid, and mutual TLS by the three files of [tls], read again
// every 10 s, for HOST:PORT.
std::shared_ptr<grpc::ChannelCredentials> record_credentials(const std::string& endpoint,
                                                             const TlsConfig& tls);

}  // namespace gatetape
