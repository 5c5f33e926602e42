#include "tools/cli/recorder_health.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "base/os/grpc_values.h"
#include "base/os/record_channel.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace gatetape::tools {

absl::Status check_recorder(const std::string& endpoint, const TlsConfig& tls, int64_t timeout_ms) {
  using grpc::health::v1::HealthCheckResponse;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto stub = grpc::health::v1::Health::NewStub(
      grpc::CreateCustomChannel(endpoint, record_credentials(endpoint, tls), arguments));
  grpc::ClientContext context;
  context.set_deadline(grpc_deadline(std::chrono::milliseconds(timeout_ms)));
  HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, {}, &response);
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
    return absl::DeadlineExceededError(
        absl::StrCat("the recorder on ", endpoint, " says nothing for ", timeout_ms, " ms"));
  if (!status.ok())
    return absl::UnavailableError("the recorder on " + endpoint + ": " + status.error_message());
  if (response.status() != HealthCheckResponse::SERVING)
    return absl::FailedPreconditionError("the recorder on " + endpoint +
                                         " runs, but does not reach its database");
  return absl::OkStatus();
}

}  // namespace gatetape::tools
