// Service: AuditService of audit.proto. It reads through Database and records each call in QueryLog
// before any of its answer leaves; a call that cannot be recorded is refused. Health alone is not
// recorded: it says nothing about any session, and must answer when recording is what fails. A
// client that goes away cancels the statement that runs for it. gRPC's threads call the service; it
// keeps no state between calls.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "auditd/frame_stream.h"
#include "auditd/query/session_reader.h"
#include "auditd/query_log.h"
#include "auditd/read/database.h"
#include "auditd/seal/sealer.h"
#include "auditd/verify/log_trust.h"
#include "base/clock.h"
#include "gatetape/audit/v1/audit.grpc.pb.h"
#include "log/db/log_rows.h"
#include "record/session_id.h"
#include "record/verify.h"

namespace gatetape::auditd {

class Service final : public audit::v1::AuditService::Service {
 public:
  // What the service is made of; all of it outlives the service.
  struct Parts {
    Database& database;
    QueryLog& log;
    const TrustedKeys& trusted;
    const LogTrust& log_trust;
    const Clock& clock;
    const SigningKey& issuer;  // signs receipts
    // What GetLog and Health show of the log besides what is stored.
    std::vector<VerifierKey> witnesses = {};
    std::function<std::optional<SealState>()> seal_state = {};  // empty, or nothing: it seals not
    // recorder_health returns "ok", or what is wrong with auditd's own record.
    std::function<std::string()> recorder_health;
  };
  explicit Service(Parts parts);

  grpc::Status ListSessions(grpc::ServerContext* context,
                            const audit::v1::ListSessionsRequest* request,
                            grpc::ServerWriter<audit::v1::Session>* writer) override;
  grpc::Status GetSession(grpc::ServerContext* context, const audit::v1::GetSessionRequest* request,
                          audit::v1::SessionDetail* response) override;
  grpc::Status ReadFrames(grpc::ServerContext* context, const audit::v1::ReadFramesRequest* request,
                          grpc::ServerWriter<audit::v1::FrameBatch>* writer) override;
  grpc::Status Search(grpc::ServerContext* context, const audit::v1::SearchRequest* request,
                      grpc::ServerWriter<audit::v1::Hit>* writer) override;
  grpc::Status Verify(grpc::ServerContext* context, const audit::v1::VerifyRequest* request,
                      grpc::ServerWriter<audit::v1::Verdict>* writer) override;
  grpc::Status GetReceipt(grpc::ServerContext* context, const audit::v1::GetReceiptRequest* request,
                          audit::v1::GetReceiptResponse* response) override;
  grpc::Status ExportBundle(grpc::ServerContext* context,
                            const audit::v1::ExportBundleRequest* request,
                            grpc::ServerWriter<audit::v1::BundlePart>* writer) override;
  grpc::Status GetLog(grpc::ServerContext* context, const audit::v1::GetLogRequest* request,
                      audit::v1::LogStatus* response) override;
  grpc::Status ListCheckpoints(grpc::ServerContext* context,
                               const audit::v1::ListCheckpointsRequest* request,
                               grpc::ServerWriter<audit::v1::LogCheckpoint>* writer) override;
  grpc::Status Health(grpc::ServerContext* context, const audit::v1::HealthRequest* request,
                      audit::v1::HealthResponse* response) override;

 private:
  // lease returns a connection whose statements are cancelled when the client of a call goes away.
  absl::StatusOr<Database::Lease> lease(const grpc::ServerContext& context);
  absl::StatusOr<SessionPage> read_page(const grpc::ServerContext& context,
                                        const audit::v1::ListSessionsRequest& request,
                                        const SessionId& before, uint32_t rows);
  absl::Status list(const grpc::ServerContext& context,
                    const audit::v1::ListSessionsRequest& request,
                    grpc::ServerWriter<audit::v1::Session>* writer, uint64_t* count);
  absl::Status get(const grpc::ServerContext& context, const SessionId& session,
                   audit::v1::SessionDetail* response);
  absl::Status read(const grpc::ServerContext& context, const audit::v1::ReadFramesRequest& request,
                    grpc::ServerWriter<audit::v1::FrameBatch>* writer, uint64_t* count);
  absl::StatusOr<std::vector<Frame>> read_frames(const grpc::ServerContext& context,
                                                 FrameReader* reader);
  absl::StatusOr<std::vector<audit::v1::Hit>> find_hits(const grpc::ServerContext& context,
                                                        const audit::v1::SearchRequest& request);
  absl::Status search_all(const grpc::ServerContext& context,
                          const audit::v1::SearchRequest& request,
                          grpc::ServerWriter<audit::v1::Hit>* writer, uint64_t* count);
  absl::Status verify_one(const grpc::ServerContext& context, const std::string& id,
                          grpc::ServerWriter<audit::v1::Verdict>* writer, uint64_t* count);
  absl::Status verify_all(const grpc::ServerContext& context,
                          const audit::v1::VerifyRequest& request,
                          grpc::ServerWriter<audit::v1::Verdict>* writer, uint64_t* count);
  absl::StatusOr<std::string> make_receipt(const grpc::ServerContext& context,
                                           const std::string& id);
  absl::Status get_log(const grpc::ServerContext& context, audit::v1::LogStatus* response);
  absl::StatusOr<std::vector<audit::v1::LogCheckpoint>> read_checkpoints(
      const grpc::ServerContext& context, uint32_t limit);
  audit::v1::LogCheckpoint to_message(const StoredCheckpoint& stored) const;
  // log_health returns the state of the sequencer. With a database it also looks for entries that
  // wait while this auditd does not sequence.
  audit::v1::LogHealth log_health(Db* db) const;
  // resolve replaces the name of a session that somebody typed by its id, before the call is
  // recorded: the record of a query must say which session was read, and `last` does not.
  absl::Status resolve(const grpc::ServerContext& context, std::string* id);
  absl::StatusOr<bool> is_live(const grpc::ServerContext& context, const SessionId& session);

  // answer_stream records the call with the result `started`, does the work, and records the
  // outcome and the number of answers before the stream ends.
  grpc::Status answer_stream(const grpc::ServerContext& context, const char* method,
                             const google::protobuf::Message& request,
                             const std::function<absl::Status(uint64_t* count)>& work);
  // record records a call. `sha256` is the hash of what it gave away, in hexadecimal; empty = none.
  absl::Status record(const grpc::ServerContext& context, const char* method,
                      const google::protobuf::Message& request, const std::string& result,
                      uint64_t count, const std::string& sha256 = {});

  const Parts parts_;
};

}  // namespace gatetape::auditd
