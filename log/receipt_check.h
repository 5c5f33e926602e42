// check_receipt: what a stranger with the log's key finds in a receipt (docs/FORMAT.md section 12).
// Pure; any thread.
#pragma once

#include <array>
#include <string>

#include "absl/types/span.h"
#include "log/receipt.h"
#include "log/vkey.h"

namespace gatetape {

struct ReceiptFinding {
  enum class Word { kGood, kBad, kUnknown };
  const char* name = "";
  Word word = Word::kUnknown;
  std::string reason;

  // to_text returns the line "NAME WORD  reason" without its line end.
  std::string to_text() const;
};

struct ReceiptCheck {
  ReceiptFinding issuer;
  ReceiptFinding head;
  ReceiptFinding existence;

  // is_good returns true when the receipt proves what it says.
  bool is_good() const;
};

// check_receipt judges a receipt by the vkeys of logs. It never fails: what does not verify is a
// finding.
ReceiptCheck check_receipt(const Receipt& receipt, absl::Span<const VerifierKey> trusted);

}  // namespace gatetape
