// The call ExportBundle of Service. It differs from other streams: its record has the hash of what
// left.
#include "absl/status/status.h"
#include "auditd/bundle/exporter.h"
#include "auditd/service.h"
#include "base/os/grpc_values.h"

namespace gatetape::auditd {

namespace v1 = audit::v1;

grpc::Status Service::ExportBundle(grpc::ServerContext* context,
                                   const v1::ExportBundleRequest* request,
                                   grpc::ServerWriter<v1::BundlePart>* writer) {
  constexpr char kMethod[] = "ExportBundle";
  v1::ExportBundleRequest resolved = *request;
  const absl::Status found = resolve(*context, resolved.mutable_id());
  if (absl::Status status = record(*context, kMethod, resolved, "started", 0); !status.ok())
    return to_grpc(status);
  BundleExporter exporter(
      {.lease = [&] { return lease(*context); },
       .is_unwanted = [&] { return context->IsCancelled(); },
       .send = [&](const v1::BundlePart& part) { return writer->Write(part); }});
  absl::Status outcome = found;
  if (found.ok()) outcome = exporter.run(*SessionId::from_text(resolved.id()), resolved);
  const std::string result = outcome.ok() ? "ok" : absl::StatusCodeToString(outcome.code());
  const absl::Status recorded =
      record(*context, kMethod, resolved, result, exporter.frames(), exporter.sha256());
  return to_grpc(outcome.ok() ? recorded : outcome);
}

}  // namespace gatetape::auditd
