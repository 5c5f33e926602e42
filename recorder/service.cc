#include "recorder/service.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/endpoint.h"
#include "base/os/daemon.h"
#include "base/os/grpc_values.h"
#include "base/os/peer_role.h"

namespace gatetape::recorder {
namespace {

// Renewed TLS files are in use after at most this time.
constexpr unsigned kCertificateRefreshS = 10;

std::string peer_of(const grpc::ServerContext& context) {
  const std::string name = context.peer();
  return name.empty() || name.starts_with("unix") ? peer_uid(context) : name;
}

absl::StatusOr<PeerRole> role_of_certificate(const grpc::AuthContext& peer) {
  std::vector<std::string> uris;
  for (const grpc::string_ref& uri : peer.FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME))
    uris.emplace_back(uri.data(), uri.size());
  return role_of_uris(uris);
}

// writer_of returns what the peer of a call may write. Over TLS its certificate decides. On the
// unix socket, which accepts only the accounts of `allowed_users`, root and the recorder's own, an
// account with the name of a daemon (gatetape-auditd) has the right of that daemon, and any other
// account may write every session.
absl::StatusOr<Writer> writer_of(const grpc::ServerContext& context) {
  if (const std::string account = peer_account(context); !account.empty()) {
    const absl::StatusOr<PeerRole> role = role_of_account(account);
    return role.ok() ? writer_of_role(*role) : Writer::kAnySession;
  }
  const absl::StatusOr<PeerRole> role = role_of_certificate(*context.auth_context());
  return role.ok() ? writer_of_role(*role) : role.status();
}

void set_limits(grpc::ServerBuilder* builder) {
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second recorder must fail to start
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE,
                              0);  // a stalled stream would buffer gigabytes
  builder->AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 20);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 64);
  builder->SetMaxReceiveMessageSize(1 << 20);
  grpc::ResourceQuota quota("recorder");
  quota.Resize(256 << 20).SetMaxThreads(256);
  builder->SetResourceQuota(quota);
}

std::shared_ptr<grpc::ServerCredentials> mutual_tls(const TlsConfig& tls) {
  namespace experimental = grpc::experimental;
  auto provider = std::make_shared<experimental::FileWatcherCertificateProvider>(
      tls.key, tls.certificate, tls.ca, kCertificateRefreshS);
  experimental::TlsServerCredentialsOptions options(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return experimental::TlsServerCredentials(options);
}

}  // namespace

grpc::Status Service::Record(grpc::ServerContext* context, Stream::Call* call) {
  const std::string peer = peer_of(*context);
  const absl::StatusOr<Writer> writer = writer_of(*context);
  if (!writer.ok()) {
    log_warn("stream_refused",
             {{"peer", peer}, {"reason", std::string(writer.status().message())}});
    return to_grpc(writer.status());
  }
  const auto stream = std::make_shared<Stream>(context, call, parts_,
                                               RequestCore({.key = key_, .writer = *writer}));
  {
    const absl::MutexLock lock(&mutex_);
    if (draining_) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining");
    const bool is_new = streams_.insert(stream.get()).second;
    CHECK(is_new && !draining_, streams_.size());
  }
  log_info("stream_opened", {{"peer", peer}});
  const grpc::Status status = stream->run();
  log_info("stream_ended", {{"peer", peer},
                            {"code", std::to_string(status.error_code())},
                            {"reason", status.error_message()}});
  const absl::MutexLock lock(&mutex_);
  const size_t erased = streams_.erase(stream.get());
  CHECK(erased == 1, streams_.size());
  return status;
}

bool Service::is_idle() {
  const absl::MutexLock lock(&mutex_);
  return streams_.empty();
}

void Service::drain() {
  const absl::MutexLock lock(&mutex_);
  draining_ = true;
  for (Stream* stream : streams_) stream->drain();
}

absl::StatusOr<std::unique_ptr<Server>> Server::start(
    const std::string& endpoint, const TlsConfig& tls, Service* service,
    const std::vector<std::string>& allowed_users) {
  std::unique_ptr<Server> server(new Server(service));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  set_limits(&builder);
  builder.RegisterService(service);
  int port = 0;
  if (is_unix(endpoint)) {
    absl::StatusOr<std::vector<uid_t>> allowed = user_ids(allowed_users);
    if (!allowed.ok()) return allowed.status();
    if (allowed_users.empty())
      for (const uid_t id : daemon_ids({PeerRole::kGateway, PeerRole::kAuditd}))
        allowed->push_back(id);
    auto listener = UnixListener::open(endpoint.substr(std::string_view("unix:").size()), *allowed);
    if (!listener.ok()) return listener.status();
    server->listener_ = *std::move(listener);
    server->listener_->attach(&builder);
  } else {
    if (tls.certificate.empty() || tls.key.empty() || tls.ca.empty())
      return absl::InvalidArgumentError("to listen on " + endpoint + " needs [tls]");
    builder.AddListeningPort(endpoint, mutual_tls(tls), &port);
  }
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || (!server->listener_ && port == 0))
    return absl::UnavailableError("cannot listen on " + endpoint);
  server->set_serving(false);
  if (server->listener_) server->listener_->start();
  return server;
}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

void Server::set_serving(bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(serving);
}

void Server::stop(std::chrono::milliseconds patience) {
  if (server_ == nullptr) return;
  set_serving(false);
  service_->drain();
  if (listener_) listener_->close();
  server_->Shutdown(grpc_deadline(patience));
  server_->Wait();
  CHECK(service_->is_idle());
  server_ = nullptr;
  listener_ = nullptr;
}

}  // namespace gatetape::recorder
