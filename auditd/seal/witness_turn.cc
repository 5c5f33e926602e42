#include "auditd/seal/witness_turn.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "log/add_checkpoint.h"
#include "log/fields.h"

namespace gatetape::auditd {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
// A witness that does not answer as it should is asked again after this time.
constexpr int64_t kRetryNs = 10 * kSecondNs;
// Text of a witness that is shown, in bytes.
constexpr size_t kShownBytesMax = 200;

std::string shown(const std::string& body) {
  return printable(body.substr(0, std::min(body.find('\n'), kShownBytesMax)));
}

}  // namespace

WitnessTurn::WitnessTurn(VerifierKey key, std::string url) : key_(std::move(key)) {
  CHECK(key_.type == NoteKeyType::kCosignature, key_.name);
  state_.name = key_.name;
  state_.url = std::move(url);
}

bool WitnessTurn::is_due(const SealedCheckpoint& newest, int64_t mono_ns) const {
  if (is_asked_ || mono_ns < retry_at_ns_ || newest.note.signatures.empty()) return false;
  return std::none_of(newest.note.signatures.begin(), newest.note.signatures.end(),
                      [this](const NoteSignature& signature) { return signature.is_of(key_); });
}

absl::StatusOr<std::string> WitnessTurn::ask(const SealedCheckpoint& newest, NodeSource& nodes,
                                             int64_t mono_ns) {
  if (old_size_ > newest.tree.size) {
    refuse(
        absl::StrCat("it has cosigned ", old_size_, " leaves, and the log has ", newest.tree.size),
        mono_ns);
    return absl::OutOfRangeError(state_.detail);
  }
  const auto proof = consistency_proof(nodes, old_size_, newest.tree.size);
  if (!proof.ok()) {
    retry_at_ns_ = mono_ns + kRetryNs;
    return proof.status();
  }
  // The witness verifies the log's own signature alone.
  asked_ = newest;
  is_asked_ = true;
  return AddCheckpoint{old_size_, *proof, newest.note.to_text()}.to_text();
}

std::optional<NoteSignature> WitnessTurn::on_reply(const WitnessReply& reply, int64_t mono_ns) {
  is_asked_ = false;
  if (reply.status == 409 && reply.content_type.starts_with("text/x.tlog.size")) {
    on_other_size(reply.body, mono_ns);
    return std::nullopt;
  }
  if (reply.status == 409 || reply.status == 422) {
    refuse(absl::StrCat("it has cosigned ", old_size_, " leaves, and refuses ", asked_.tree.size,
                        ": ", shown(reply.body)),
           mono_ns);
    return std::nullopt;
  }
  if (reply.status != 200) {
    fail(reply.status == 0 ? reply.body
                           : absl::StrCat("it answers ", reply.status, " ", shown(reply.body)),
         mono_ns + kRetryNs);
    return std::nullopt;
  }
  const auto lines = parse_signature_lines(reply.body);
  if (lines.ok())
    for (const NoteSignature& line : *lines)
      if (line.is_of(key_) && key_.verify(asked_.note.text, line.bytes)) {
        old_size_ = asked_.tree.size;
        state_ = {key_.name, state_.url, true, false, {}, old_size_};
        return line;
      }
  fail("its answer is no cosignature of its key", mono_ns + kRetryNs);
  return std::nullopt;
}

// The first request does not know what the witness has cosigned, and learns it here.
void WitnessTurn::on_other_size(const std::string& body, int64_t mono_ns) {
  uint64_t size = 0;
  const std::string_view line = std::string_view(body).substr(0, body.find('\n'));
  if (!parse_decimal(line, &size) || size == old_size_)
    return fail("its answer 409 makes no sense", mono_ns + kRetryNs);
  old_size_ = size;
}

void WitnessTurn::fail(std::string why, int64_t retry_at_ns) {
  state_.is_ok = false;
  state_.refuses = false;
  state_.detail = std::move(why);
  retry_at_ns_ = retry_at_ns;
}

void WitnessTurn::refuse(const std::string& why, int64_t mono_ns) {
  fail(why, mono_ns + kRetryNs);
  state_.refuses = true;
}

}  // namespace gatetape::auditd
