// record_credentials: the gRPC credentials for a connection to a recorder. The links of gateway and
// auditd use them, and `gatetape doctor` when it checks the health of a recorder. Any thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "base/os/tls_files.h"

namespace gatetape {

// record_credentials returns the credentials for an endpoint of the configuration. For unix:PATH
// they are empty, because the recorder checks the uid of the peer. For HOST:PORT they are mutual
// TLS with the three files of [tls], which gRPC reads again every 10 s. A connection is made only
// to a peer whose certificate has the name of the endpoint and the role `gatetape:recorder`.
std::shared_ptr<grpc::ChannelCredentials> record_credentials(const std::string& endpoint,
                                                             const TlsConfig& tls);

}  // namespace gatetape
