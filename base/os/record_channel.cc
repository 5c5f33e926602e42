#include "base/os/record_channel.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <functional>
#include <vector>

#include "base/endpoint.h"
#include "base/os/grpc_values.h"
#include "base/os/peer_role.h"

namespace gatetape {
namespace {

namespace experimental = grpc::experimental;

absl::Status check_is_recorder(const experimental::TlsCustomVerificationCheckRequest& request) {
  std::vector<std::string> uris;
  for (const grpc::string_ref& uri : request.uri_names()) uris.emplace_back(uri.data(), uri.size());
  const absl::StatusOr<PeerRole> role = role_of_uris(uris);
  if (role.ok() && *role == PeerRole::kRecorder) return absl::OkStatus();
  return absl::PermissionDeniedError("the peer is not a recorder: " +
                                     (role.ok() ? "the certificate has the role " + role_uri(*role)
                                                : std::string(role.status().message())));
}

// RecorderVerifier accepts the peers that have the name of the endpoint, as gRPC's own verifier
// checks it, and the role of a recorder.
class RecorderVerifier : public experimental::ExternalCertificateVerifier {
 public:
  bool Verify(experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> callback, grpc::Status* result) override {
    const bool is_sync = host_name_.Verify(request, std::move(callback), result);
    if (is_sync && result->ok()) *result = to_grpc(check_is_recorder(*request));
    return is_sync;
  }
  void Cancel(experimental::TlsCustomVerificationCheckRequest* request) override {
    host_name_.Cancel(request);
  }

 private:
  experimental::HostNameCertificateVerifier host_name_;
};

}  // namespace

std::shared_ptr<grpc::ChannelCredentials> record_credentials(const std::string& endpoint,
                                                             const TlsConfig& tls) {
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
#ifndef __clang_analyzer__  // It does not see that gRPC owns the object, and reports a leak.
  options.set_certificate_verifier(
      experimental::ExternalCertificateVerifier::Create<RecorderVerifier>());
#endif
  return experimental::TlsCredentials(options);
}

}  // namespace gatetape
