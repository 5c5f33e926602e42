// BundleExporter: sends the members of a bundle that hold evidence; the asker adds the views and
// the manifest. It is made for one call; one thread.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "auditd/bundle/evidence.h"
#include "auditd/read/database.h"
#include "base/crypto.h"
#include "bundle/redaction.h"
#include "gatetape/audit/v1/audit.pb.h"
#include "record/verify.h"

namespace gatetape::auditd {

class BundleExporter {
 public:
  // Sender sends one message. It returns false when the client is gone.
  using Sender = std::function<bool(const audit::v1::BundlePart&)>;
  struct Parts {
    std::function<absl::StatusOr<Database::Lease>()> lease;
    std::function<bool()> is_unwanted;  // the client has gone away
    Sender send;
  };
  explicit BundleExporter(Parts parts) : parts_(std::move(parts)) {}

  // run sends everything. When the log does not have the newest state of the session yet, it waits
  // up to 5 s for the next checkpoint. It fails as read_evidence does, with INVALID_ARGUMENT when a
  // session of version 1 is asked for without a part of its content, and with CANCELLED when the
  // client is gone.
  absl::Status run(const SessionId& session, const audit::v1::ExportBundleRequest& request);
  // frames returns the number of frames that were sent.
  uint64_t frames() const { return frames_; }
  // sha256 returns the hash of the lines `member` of the manifest for what was sent, in
  // hexadecimal, by which whoever has the bundle finds the record of this call; empty when nothing
  // was sent. It is called once.
  std::string sha256();

 private:
  struct Sent {
    Sha256Sum sum;
    uint64_t bytes = 0;
  };
  absl::StatusOr<Evidence> wait_for_evidence(const SessionId& session);
  absl::Status send_frames(const Evidence& evidence, const Redaction& redaction);
  absl::Status send_batch(const StoredBatch& batch, const Evidence& evidence,
                          const Redaction& redaction);
  absl::Status send_statements(const Evidence& evidence);
  absl::Status send_member(const std::string& name, std::string_view bytes);

  const Parts parts_;
  uint64_t frames_ = 0;
  std::map<std::string, Sent> sent_;  // by the name of the member
};

}  // namespace gatetape::auditd
