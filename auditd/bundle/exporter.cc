#include "auditd/bundle/exporter.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "auditd/read/batch_pager.h"
#include "base/bytes.h"
#include "bundle/manifest.h"
#include "bundle/member_name.h"
#include "record/batch.h"

namespace gatetape::auditd {
namespace {

// A checkpoint is signed every second, so that 5 s suffice for one that is late.
constexpr int kTries = 25;
constexpr absl::Duration kPause = absl::Milliseconds(200);
// Bytes of a message, about: far below the 4 MiB that gRPC accepts.
constexpr size_t kMessageBytes = size_t{1} << 20;

absl::Status client_gone() { return absl::CancelledError("the client is gone"); }

// offset_of returns the time since the opening of a session, 0 for a time before it.
uint64_t offset_of(int64_t unix_ns, int64_t started_at_ns) {
  return unix_ns <= started_at_ns ? 0 : static_cast<uint64_t>(unix_ns - started_at_ns);
}

Redaction redaction_of(const audit::v1::ExportBundleRequest& request, int64_t started_at_ns) {
  Redaction redaction;
  redaction.without_input = request.without_input();
  if (request.from_unix_ns() != 0)
    redaction.from_ns = offset_of(request.from_unix_ns(), started_at_ns);
  if (request.to_unix_ns() != 0) redaction.to_ns = offset_of(request.to_unix_ns(), started_at_ns);
  return redaction;
}

}  // namespace

absl::Status BundleExporter::run(const SessionId& session,
                                 const audit::v1::ExportBundleRequest& request) {
  const auto evidence = wait_for_evidence(session);
  if (!evidence.ok()) return evidence.status();
  const Redaction redaction = redaction_of(request, evidence->started_at_ns);
  if (evidence->keys.version() == FormatVersion::k1 && !redaction.is_none())
    return absl::InvalidArgumentError(
        "a session of format version 1 can only be exported as a whole: its one key opens every "
        "payload");
  audit::v1::BundlePart first;
  first.set_session_id(std::string(session.bytes()));
  first.set_format_version(static_cast<uint32_t>(evidence->keys.version()));
  first.set_stored_frames(evidence->stored_frames);
  if (!parts_.send(first)) return client_gone();
  if (absl::Status status = send_frames(*evidence, redaction); !status.ok()) return status;
  return send_statements(*evidence);
}

absl::StatusOr<Evidence> BundleExporter::wait_for_evidence(const SessionId& session) {
  for (int tries = 1;; tries++) {
    absl::StatusOr<Evidence> evidence = absl::UnknownError("");
    {
      absl::StatusOr<Database::Lease> db = parts_.lease();
      if (!db.ok()) return db.status();
      evidence = read_evidence(**db, session);
    }
    if (!absl::IsUnavailable(evidence.status()) || tries == kTries) return evidence;
    if (parts_.is_unwanted()) return client_gone();
    absl::SleepFor(kPause);
  }
}

absl::Status BundleExporter::send_frames(const Evidence& evidence, const Redaction& redaction) {
  BatchPager pager(evidence.session);
  while (frames_ < evidence.frames) {
    absl::StatusOr<std::vector<StoredBatch>> batches = absl::UnknownError("");
    {
      absl::StatusOr<Database::Lease> db = parts_.lease();
      if (!db.ok()) return db.status();
      batches = pager.next(**db);
    }
    if (!batches.ok()) return batches.status();
    if (batches->empty()) return absl::OkStatus();  // The verifier names what is missing.
    for (const StoredBatch& batch : *batches)
      if (absl::Status status = send_batch(batch, evidence, redaction); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status BundleExporter::send_batch(const StoredBatch& batch, const Evidence& evidence,
                                        const Redaction& redaction) {
  auto frames =
      decode_batch(batch.first_seq, batch.last_seq, batch.codec, batch.raw_bytes, batch.data);
  if (!frames.ok()) return frames.status();
  FrameMembers members;
  for (Frame& frame : *frames) {
    if (frame.seq > evidence.frames) break;
    members.add(std::move(frame), evidence.keys, redaction);
    frames_++;
  }
  if (absl::Status status = send_member("frames", members.frames); !status.ok()) return status;
  return send_member("frame_keys", members.keys);
}

absl::Status BundleExporter::send_statements(const Evidence& evidence) {
  std::vector<std::pair<std::string, std::string>> members = {{"checkpoint", evidence.checkpoint}};
  if (evidence.head) members.emplace_back("head", evidence.head->to_text());
  for (const BundleEntry& entry : evidence.entries)
    members.emplace_back(absl::StrCat(kEntriesFolder, entry.index), entry.to_text());
  for (const BundleLine& line : evidence.lines)
    members.emplace_back(line.member_name(), line.to_text());
  for (const auto& [name, text] : members)
    if (absl::Status status = send_member(name, text); !status.ok()) return status;
  return absl::OkStatus();
}

absl::Status BundleExporter::send_member(const std::string& name, std::string_view bytes) {
  Sent& sent = sent_[name];
  sent.sum.add(bytes);
  sent.bytes += bytes.size();
  do {
    audit::v1::BundlePart part;
    part.set_member(name);
    part.set_data(std::string(bytes.substr(0, kMessageBytes)));
    if (!parts_.send(part)) return client_gone();
    bytes.remove_prefix(part.data().size());
  } while (!bytes.empty());
  return absl::OkStatus();
}

std::string BundleExporter::sha256() {
  if (sent_.empty()) return {};
  std::vector<Member> members;
  for (auto& [name, sent] : sent_) members.push_back({sent.sum.finish(), sent.bytes, name});
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
    return *MemberName::parse(a.name) < *MemberName::parse(b.name);
  });
  std::string lines;
  for (const Member& member : members) lines += member.to_line();
  return to_hex(view(gatetape::sha256(lines)));
}

}  // namespace gatetape::auditd
