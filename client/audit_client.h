// AuditClient is the connection of the command line to auditd: one blocking call at a time, each
// with a deadline except read. The text of a failure says what to do. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/context.h"
#include "gatetape/audit/v1/audit.grpc.pb.h"
#include "record/frame.h"

namespace gatetape::client {

class AuditClient {
 public:
  // connect reads DIR/gatetape.toml and makes a channel to its auditd.listen. The first call
  // connects.
  static absl::StatusOr<std::unique_ptr<AuditClient>> connect(const Context& context);
  // `endpoint` is unix:PATH.
  explicit AuditClient(const std::string& endpoint);

  // list, search, verify and read pass each message to `each` as it arrives. When `each` returns
  // false, the call ends early without an error.
  absl::Status list(const audit::v1::ListSessionsRequest& request,
                    const std::function<bool(const audit::v1::Session&)>& each);
  absl::StatusOr<audit::v1::SessionDetail> get(const std::string& id);
  absl::Status search(const audit::v1::SearchRequest& request,
                      const std::function<bool(const audit::v1::Hit&)>& each);
  // verify verifies one session, or all sessions when the id is empty. `cancel` is as in read.
  absl::Status verify(const audit::v1::VerifyRequest& request,
                      const std::function<bool(const audit::v1::Verdict&)>& each,
                      grpc::ClientContext* cancel = nullptr);
  // receipt returns the text of a receipt (docs/FORMAT.md section 12).
  absl::StatusOr<std::string> receipt(const std::string& id);
  // export_bundle passes on the members of a bundle.
  absl::Status export_bundle(const audit::v1::ExportBundleRequest& request,
                             const std::function<bool(const audit::v1::BundlePart&)>& each);
  absl::StatusOr<audit::v1::LogStatus> log();
  // checkpoints passes the newest `limit` checkpoints of the log to `each`, the newest last.
  absl::Status checkpoints(uint32_t limit,
                           const std::function<bool(const audit::v1::LogCheckpoint&)>& each);
  absl::StatusOr<audit::v1::HealthResponse> health();
  // read reads the frames in order. It has no deadline, because the caller sets the pace. `cancel`
  // must outlive the call; with it, another thread ends the call by TryCancel. DATA_LOSS for a
  // frame of unknown kind.
  absl::Status read(const audit::v1::ReadFramesRequest& request,
                    const std::function<bool(const Frame&)>& each,
                    grpc::ClientContext* cancel = nullptr);

 private:
  absl::Status to_absl(const grpc::Status& status) const;
  template <typename Message, typename Reader>
  absl::Status drain(grpc::ClientContext* context, Reader reader,
                     const std::function<bool(const Message&)>& each);

  std::string endpoint_;
  std::unique_ptr<audit::v1::AuditService::Stub> stub_;
};

}  // namespace gatetape::client
