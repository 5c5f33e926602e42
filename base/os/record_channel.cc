#include "base/os/record_channel.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "base/endpoint.h"

namespace gatetape {

std::shared_ptr<grpc::ChannelCredentials> record_credentials(const std::string& endpoint,
                                                             const TlsConfig& tls) {
  namespace experimental = grpc::experimental;
  // Time between two reads of the files of [tls], in seconds, so that a renewed certificate is used
  // without a restart.
  constexpr unsigned kCertificateRefreshS = 10;
  if (is_unix(endpoint)) return grpc::InsecureChannelCredentials();
  const auto provider = std::make_shared<experimental::FileWatcherCertificateProvider>(
      tls.key, tls.certificate, tls.ca, kCertificateRefreshS);
  experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  return experimental::TlsCredentials(options);
}

}  // namespace gatetape
