#include "client/audit_client.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "base/os/grpc_values.h"

namespace gatetape::client {
namespace {

namespace v1 = audit::v1;

constexpr std::chrono::seconds kDeadline(60);
// Health includes a look at the database, for which auditd may wait 10 s.
constexpr std::chrono::milliseconds kHealthDeadline(15000);
// For calls that verify, or whose reader may pause the output.
constexpr std::chrono::hours kLongDeadline(24);
// Bytes of one message; a larger one fails the call. The largest is the detail of a session, with
// 16 MiB of events.
constexpr int kMessageBytesMax = 64 << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<AuditClient>> AuditClient::connect(const Context& context) {
  const absl::StatusOr<Config> config = context.config();
  if (!config.ok()) return config.status();
  return std::make_unique<AuditClient>(config->auditd.listen);
}

AuditClient::AuditClient(const std::string& endpoint) : endpoint_(endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  stub_ = v1::AuditService::NewStub(
      grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments));
}

absl::Status AuditClient::to_absl(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  const std::string& message = status.error_message();
  // The text of UNAVAILABLE is from gRPC when nobody serves the socket. The texts of auditd are
  // shown as they are.
  if (code == absl::StatusCode::kUnavailable && message.find("not recorded") == std::string::npos &&
      !message.starts_with("auditd"))
    return absl::UnavailableError(
        "cannot reach auditd on " + endpoint_ + " (" + message +
        "): check that the stack runs and that you may use it, with `gatetape doctor`");
  return absl::Status(code, message);
}

template <typename Message, typename Reader>
absl::Status AuditClient::drain(grpc::ClientContext* context, Reader reader,
                                const std::function<bool(const Message&)>& each) {
  Message message;
  while (reader->Read(&message)) {
    if (each(message)) continue;
    context->TryCancel();
    while (reader->Read(&message)) {
    }
    reader->Finish();
    return absl::OkStatus();
  }
  return to_absl(reader->Finish());
}

absl::Status AuditClient::list(const v1::ListSessionsRequest& request,
                               const std::function<bool(const v1::Session&)>& each) {
  grpc::ClientContext context;
  context.set_deadline(grpc_deadline(kLongDeadline));
  return drain<v1::Session>(&context, stub_->ListSessions(&context, request), each);
}

absl::StatusOr<v1::SessionDetail> AuditClient::get(const std::string& id) {
  grpc::ClientContext context;
  context.set_deadline(grpc_deadline(kLongDeadline));  // it also verifies the session
  v1::GetSessionRequest request;
  request.set_id(id);
  v1::SessionDetail detail;
  const grpc::Status status = stub_->GetSession(&context, request, &detail);
  if (!status.ok()) return to_absl(status);
  return detail;
}

absl::Status AuditClient::search(const v1::SearchRequest& request,
                                 const std::function<bool(const v1::Hit&)>& each) {
  grpc::ClientContext context;
  context.set_deadline(grpc_deadline(kDeadline));
  return drain<v1::Hit>(&context, stub_->Search(&context, request), each);
}

absl::Status AuditClient::verify(const v1::VerifyRequest& request,
                                 const std::function<bool(const v1::Verdict&)>& each,
                                 grpc::ClientContext* cancel) {
  grpc::ClientContext own;
  grpc::ClientContext* context = cancel == nullptr ? &own : cancel;
  context->set_deadline(grpc_deadline(kLongDeadline));
  return drain<v1::Verdict>(context, stub_->Verify(context, request), each);
}

absl::StatusOr<std::string> AuditClient::receipt(const std::string& id) {
  grpc::ClientContext context;
  context.set_deadline(grpc_deadline(kLongDeadline));  // it also verifies the session
  v1::GetReceiptRequest request;
  request.set_id(id);
  v1::GetReceiptResponse response;
  const grpc::Status status = stub_->GetReceipt(&context, request, &response);
  if (!status.ok()) return to_absl(status);
  return response.receipt();
}

absl::Status AuditClient::export_bundle(const v1::ExportBundleRequest& request,
                                        const std::function<bool(const v1::BundlePart&)>& each) {
  grpc::ClientContext context;
  context.set_deadline(grpc_deadline(kLongDeadline));
  return drain<v1::BundlePart>(&context, stub_->ExportBundle(&context, request), each);
}

absl::StatusOr<v1::LogStatus> AuditClient::log() {
  grpc::ClientContext context;
  context.set_deadline(grpc_deadline(kDeadline));
  v1::LogStatus response;
  const grpc::Status status = stub_->GetLog(&context, {}, &response);
  if (!status.ok()) return to_absl(status);
  return response;
}

absl::Status AuditClient::checkpoints(uint32_t limit,
                                      const std::function<bool(const v1::LogCheckpoint&)>& each) {
  grpc::ClientContext context;
  context.set_deadline(grpc_deadline(kDeadline));
  v1::ListCheckpointsRequest request;
  request.set_limit(limit);
  return drain<v1::LogCheckpoint>(&context, stub_->ListCheckpoints(&context, request), each);
}

absl::StatusOr<v1::HealthResponse> AuditClient::health() {
  grpc::ClientContext context;
  context.set_deadline(grpc_deadline(kHealthDeadline));
  v1::HealthResponse response;
  const grpc::Status status = stub_->Health(&context, {}, &response);
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
    return absl::DeadlineExceededError("auditd on " + endpoint_ + " says nothing for " +
                                       std::to_string(kHealthDeadline.count()) + " ms");
  if (!status.ok()) return to_absl(status);
  return response;
}

absl::Status AuditClient::read(const v1::ReadFramesRequest& request,
                               const std::function<bool(const Frame&)>& each,
                               grpc::ClientContext* cancel) {
  grpc::ClientContext own;
  grpc::ClientContext* context = cancel == nullptr ? &own : cancel;
  absl::Status bad;
  const auto each_batch = [&](const v1::FrameBatch& batch) {
    for (const v1::Frame& in : batch.frames()) {
      if (in.kind() > UINT16_MAX) {
        bad = absl::DataLossError("auditd sent a frame of kind " + std::to_string(in.kind()));
        return false;
      }
      Frame frame{in.seq(), in.channel(), static_cast<FrameKind>(in.kind()), in.offset_ns(),
                  in.payload()};
      if (in.has_absent_bytes()) frame.absent = AbsentPayload{.bytes = in.absent_bytes()};
      if (!each(frame)) return false;
    }
    return true;
  };
  const absl::Status status =
      drain<v1::FrameBatch>(context, stub_->ReadFrames(context, request), each_batch);
  return bad.ok() ? status : bad;
}

}  // namespace gatetape::client
