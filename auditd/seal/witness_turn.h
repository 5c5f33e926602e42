// WitnessTurn: what a witness is asked and what its answers mean (docs/FORMAT.md section 9.8).
// Pure; the sealer's thread owns it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "auditd/seal/sequencer_core.h"
#include "log/proof.h"
#include "log/vkey.h"

namespace gatetape::auditd {

// WitnessState is what a witness said last.
struct WitnessState {
  std::string name;
  std::string url;
  bool is_ok = true;
  bool refuses = false;        // it has seen another history of the log
  std::string detail;          // what is wrong; empty while nothing is
  uint64_t cosigned_size = 0;  // of the checkpoint that it cosigned last
};

// WitnessAnswer is the answer to a request; status 0 when there was none, and `body` says why.
struct WitnessReply {
  int status = 0;
  std::string content_type;
  std::string body;
};

class WitnessTurn {
 public:
  // `key` is of type kCosignature.
  WitnessTurn(VerifierKey key, std::string url);

  // is_due returns true when the newest checkpoint should be sent now: no request is under way, and
  // this witness has not cosigned it.
  bool is_due(const SealedCheckpoint& newest, int64_t mono_ns) const;
  // ask returns the body of a request, which is then under way. It fails as `nodes` does, and asks
  // again later.
  absl::StatusOr<std::string> ask(const SealedCheckpoint& newest, NodeSource& nodes,
                                  int64_t mono_ns);
  // on_reply reads the reply, which may be hostile. It returns a good cosignature of the checkpoint
  // that was sent, or nothing; state() says why.
  std::optional<NoteSignature> on_reply(const WitnessReply& reply, int64_t mono_ns);

  const WitnessState& state() const { return state_; }
  // asked_text returns the text of the checkpoint that was sent last.
  const std::string& asked_text() const { return asked_.note.text; }

 private:
  void fail(std::string why, int64_t retry_at_ns);
  void refuse(const std::string& why, int64_t mono_ns);
  void on_other_size(const std::string& body, int64_t mono_ns);

  VerifierKey key_;
  WitnessState state_;
  bool is_asked_ = false;
  SealedCheckpoint asked_;
  uint64_t old_size_ = 0;  // that the witness cosigned last, as far as is known
  int64_t retry_at_ns_ = 0;
};

}  // namespace gatetape::auditd
