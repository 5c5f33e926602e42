// Receipt: what auditd states about one session, for the person whose session it was
// (docs/FORMAT.md section 12). A parsed receipt is not a verified one: log/receipt_check.h. Pure;
// any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"
#include "log/heads_list.h"
#include "log/proof.h"
#include "log/tlog_proof.h"
#include "record/head.h"
#include "record/session_id.h"

namespace gatetape {

// Largest receipt, in bytes: two proofs in base64, and as much for the rest. A longer one is
// refused.
constexpr size_t kReceiptBytesMax = size_t{1} << 20;

struct Receipt {
  // HeadSignature is the signature of the session's head by one of its two signers.
  struct HeadSignature {
    PublicKey key;
    std::string signature;  // 64 bytes
  };
  struct HeadSignatures {
    HeadSignature writer;
    HeadSignature recorder;
  };
  // LogProof shows that the log has the session, and whose key the issuer's is.
  struct LogProof {
    HeadsLine line;  // a close line, otherwise an open line
    uint64_t line_index = 0;
    std::vector<Hash> line_hashes;
    TlogProof list;    // of the entry of the list; `extra` holds the entry
    TlogProof issuer;  // of the registration of the issuer's key; `extra` holds the entry
  };

  SessionId session;
  // One line each, in the form of docs/FORMAT.md section 8.
  std::string user;
  std::string login;
  std::string target;
  std::string key_fingerprint;
  uint64_t started_at_ns = 0;  // Unix time
  uint64_t ended_at_ns = 0;    // 0 = the session has no end
  std::string state;           // live, closed or interrupted
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  TreeHead head;
  std::optional<HeadSignatures> signatures;
  uint64_t issued_at_ns = 0;  // Unix time
  std::optional<LogProof> log;
  PublicKey issuer;
  std::string signature;  // 64 bytes, of signed_text()

  // sign makes `key` the issuer.
  void sign(const SigningKey& key);
  // signed_text returns the lines before the signature.
  std::string signed_text() const;
  std::string to_text() const;
  // parse accepts the text that to_text returns. The bytes may be hostile; it fails with
  // INVALID_ARGUMENT for any other form.
  static absl::StatusOr<Receipt> parse(std::string_view text);

  SessionHead session_head() const { return {session, head.size, head.root}; }
};

}  // namespace gatetape
