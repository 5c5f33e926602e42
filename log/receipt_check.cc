#include "log/receipt_check.h"

#include <optional>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "log/entry.h"

namespace gatetape {
namespace {

using Word = ReceiptFinding::Word;

const char* text_of(Word word) {
  switch (word) {
    case Word::kGood:
      return "GOOD";
    case Word::kBad:
      return "BAD";
    case Word::kUnknown:
      return "UNKNOWN";
  }
  return "";
}

// Logged is an entry that is in the log of a trusted key.
struct Logged {
  LogEntry entry;
  uint64_t index = 0;
  TrustedCheckpoint checkpoint;
  VerifierKey key;  // of the log
};

// open_logged returns the entry in `extra` when the proof leads to a checkpoint that a trusted key
// signed. Each key is tried as that of the log that it names.
absl::StatusOr<Logged> open_logged(const TlogProof& proof, absl::Span<const VerifierKey> trusted) {
  absl::Status why = absl::NotFoundError("no log key was given");
  const std::string text = proof.extra.value_or("");
  for (const VerifierKey& key : trusted) {
    if (key.type != NoteKeyType::kEd25519) continue;
    const auto checkpoint = proof.verify(text, key.name, absl::MakeConstSpan(&key, 1));
    const auto entry = LogEntry::parse(text);
    if (checkpoint.ok() && !entry.ok()) return entry.status();
    if (checkpoint.ok()) return Logged{*entry, proof.index, *checkpoint, key};
    if (absl::IsNotFound(why)) why = checkpoint.status();
  }
  return why;
}

std::string place_of(const Logged& logged) {
  return absl::StrCat("entry ", logged.index, " of the log ") +
         printable(logged.checkpoint.checkpoint.origin);
}

std::string bad(const char* what, const absl::Status& why) {
  return absl::StrCat(what, why.message());
}

// registration_problem returns why the entry does not register the issuer, empty when it does.
std::string registration_problem(const Receipt& receipt, const Logged& logged) {
  const auto* body = std::get_if<KeyEntry>(&logged.entry.body);
  if (body == nullptr || body->action != KeyEntry::Action::kRegister || body->role != "auditd")
    return "the log entry of the issuer registers no key of auditd";
  if (body->key.raw != receipt.issuer.raw) return "the log entry of the issuer has another key";
  if (!logged.entry.verify(logged.key.key))
    return "the log key did not sign the log entry of the issuer";
  return "";
}

ReceiptFinding check_issuer(const Receipt& receipt, absl::Span<const VerifierKey> trusted) {
  const std::string id = receipt.issuer.id();
  if (!receipt.issuer.verify(receipt.signed_text(), receipt.signature))
    return {"ISSUER", Word::kBad, "the receipt was altered: its signature does not verify"};
  if (!receipt.log)
    return {"ISSUER", Word::kUnknown, "key " + id + " signed it, and no proof says whose it is"};
  const auto logged = open_logged(receipt.log->issuer, trusted);
  if (!logged.ok())
    return {"ISSUER", Word::kBad, bad("the proof of its key is not good: ", logged.status())};
  const std::string problem = registration_problem(receipt, *logged);
  if (!problem.empty()) return {"ISSUER", Word::kBad, problem};
  const auto list = open_logged(receipt.log->list, trusted);
  if (list.ok() && list->key.name != logged->key.name)
    return {"ISSUER", Word::kBad, "its key is registered in another log than that of the session"};
  return {"ISSUER", Word::kGood, "auditd with key " + id + ", registered by " + place_of(*logged)};
}

ReceiptFinding check_head_signatures(const Receipt& receipt) {
  if (!receipt.signatures)
    return {"HEAD", Word::kUnknown, "the session has no signed head: it is " + receipt.state};
  const std::string text = receipt.session_head().signed_text();
  const Receipt::HeadSignature& writer = receipt.signatures->writer;
  const Receipt::HeadSignature& recorder = receipt.signatures->recorder;
  if (!writer.key.verify(text, writer.signature))
    return {"HEAD", Word::kBad, "the signature of the writer does not verify"};
  if (!recorder.key.verify(text, recorder.signature))
    return {"HEAD", Word::kBad, "the signature of the recorder does not verify"};
  return {"HEAD", Word::kGood,
          "signed by writer " + writer.key.id() + " and recorder " + recorder.key.id()};
}

// line_problem returns why the line is not one about the session of the receipt, empty when it is.
std::string line_problem(const Receipt& receipt, const HeadsLine& line) {
  if (line.session != receipt.session) return "the log's line is of another session";
  if (line.head.size > receipt.head.size) return "the log knows more frames than the receipt";
  const bool is_end = line.state == HeadsLine::State::kClose;
  const bool must_equal = is_end || line.head.size == receipt.head.size;
  if (must_equal && !(line.head == receipt.head))
    return "the log has another size or root of the session";
  return "";
}

ReceiptFinding check_existence(const Receipt& receipt, absl::Span<const VerifierKey> trusted) {
  if (!receipt.log) return {"EXISTENCE", Word::kUnknown, "the receipt holds no proof of the log"};
  const Receipt::LogProof& log = *receipt.log;
  const auto logged = open_logged(log.list, trusted);
  if (!logged.ok())
    return {"EXISTENCE", Word::kBad, bad("the proof of the list is not good: ", logged.status())};
  const auto* list = std::get_if<HeadsEntry>(&logged->entry.body);
  if (list == nullptr) return {"EXISTENCE", Word::kBad, "the log entry is not of a heads list"};
  const absl::Status in_list = verify_inclusion(merkle_leaf(log.line.to_text()), log.line_index,
                                                {list->count, list->root}, log.line_hashes);
  if (!in_list.ok()) return {"EXISTENCE", Word::kBad, "the line is not in the heads list"};
  const std::string problem = line_problem(receipt, log.line);
  if (!problem.empty()) return {"EXISTENCE", Word::kBad, problem};
  const bool is_end = log.line.state == HeadsLine::State::kClose;
  return {"EXISTENCE", Word::kGood,
          absl::StrCat(is_end ? "all " : "its opening with ", log.line.head.size, " frames: ") +
              place_of(*logged)};
}

}  // namespace

std::string ReceiptFinding::to_text() const {
  return absl::StrCat(name, " ", text_of(word), "  ", reason);
}

bool ReceiptCheck::is_good() const {
  return issuer.word == Word::kGood && existence.word == Word::kGood && head.word != Word::kBad;
}

ReceiptCheck check_receipt(const Receipt& receipt, absl::Span<const VerifierKey> trusted) {
  return {.issuer = check_issuer(receipt, trusted),
          .head = check_head_signatures(receipt),
          .existence = check_existence(receipt, trusted)};
}

}  // namespace gatetape
