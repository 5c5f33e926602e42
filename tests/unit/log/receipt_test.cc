#include "log/receipt.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "log/receipt_check.h"
#include "tests/support/memory_tree.h"

namespace gatetape {
namespace {

using State = HeadsLine::State;
using Word = ReceiptFinding::Word;

// Issued is a log with a heads list and the registration of auditd's key, and a receipt of it.
struct Issued {
  NoteSigner log{"gw.gatetape/log", NoteKeyType::kEd25519, SigningKey::generate()};
  SigningKey writer = SigningKey::generate();
  SigningKey recorder = SigningKey::generate();
  SigningKey auditd = SigningKey::generate();
  std::vector<HeadsLine> lines;
  std::vector<std::string> entries;
  Receipt receipt;

  explicit Issued(State state = State::kClose) {
    receipt.session = SessionId::mint(1);
    receipt.user = "alice\\x0a";
    receipt.login = "deploy";
    receipt.target = "web";
    receipt.key_fingerprint = "SHA256:x";
    receipt.started_at_ns = 1'796'000'000'000'000'000;
    receipt.ended_at_ns = 1'796'000'001'000'000'000;
    receipt.state = "closed";
    receipt.bytes_in = 5;
    receipt.bytes_out = 7;
    receipt.head = {9, merkle_leaf("frames")};
    receipt.issued_at_ns = 1'796'000'002'000'000'000;
    lines = {{SessionId::mint(2), {1, merkle_leaf("other")}, State::kOpen},
             {receipt.session, receipt.head, state}};
    sign_head();
    log_all("auditd");
    receipt.sign(auditd);
  }

  void sign_head() {
    const std::string text = receipt.session_head().signed_text();
    receipt.signatures = {{writer.public_key(), writer.sign(text)},
                          {recorder.public_key(), recorder.sign(text)}};
  }

  // log_all makes the log, and the proofs of the receipt.
  void log_all(const std::string& role, KeyEntry::Action action = KeyEntry::Action::kRegister) {
    const HeadsList list = HeadsList::from_lines(lines);
    const KeyEntry key{action, role, auditd.public_key(), 1};
    const HeadsEntry heads{std::string(16, 'r'), 1, 2, lines.size(), list.root()};
    entries = {LogEntry::signed_by(log.key, key).to_text(),
               LogEntry::signed_by(recorder, heads).to_text()};
    const size_t index = list.find(receipt.session);
    receipt.log = Receipt::LogProof{.line = list.lines()[index],
                                    .line_index = index,
                                    .line_hashes = list.prove(index),
                                    .list = prove(1),
                                    .issuer = prove(0)};
  }

  TlogProof prove(uint64_t index) const {
    MemoryTree tree;
    for (const std::string& entry : entries) tree.append(entry);
    TlogProof proof;
    proof.extra = entries[index];
    proof.index = index;
    proof.hashes = *inclusion_proof(tree, index, tree.size());
    proof.checkpoint = sign_checkpoint({log.name, tree.head(), ""}, log).to_text();
    return proof;
  }

  ReceiptCheck check() const { return check_receipt(receipt, {log.verifier_key()}); }
};

TEST(ReceiptTest, a_receipt_of_a_closed_session_is_good) {
  const Issued issued;
  const auto parsed = Receipt::parse(issued.receipt.to_text());
  ASSERT_TRUE(parsed.ok()) << issued.receipt.to_text();
  const ReceiptCheck check = check_receipt(*parsed, {issued.log.verifier_key()});
  EXPECT_TRUE(check.is_good());
  EXPECT_EQ(check.issuer.to_text(), "ISSUER GOOD  auditd with key " +
                                        issued.auditd.public_key().id() +
                                        ", registered by entry 0 of the log gw.gatetape/log");
  EXPECT_EQ(check.existence.to_text(),
            "EXISTENCE GOOD  all 9 frames: entry 1 of the log gw.gatetape/log");
  EXPECT_EQ(check.head.word, Word::kGood);
}

TEST(ReceiptTest, a_receipt_before_the_log_has_the_session_is_unknown) {
  Issued issued;
  issued.receipt.log.reset();
  issued.receipt.signatures.reset();
  issued.receipt.sign(issued.auditd);
  const auto parsed = Receipt::parse(issued.receipt.to_text());
  ASSERT_TRUE(parsed.ok());
  const ReceiptCheck check = check_receipt(*parsed, {issued.log.verifier_key()});
  EXPECT_FALSE(check.is_good());
  EXPECT_EQ(check.issuer.word, Word::kUnknown);
  EXPECT_EQ(check.head.word, Word::kUnknown);
  EXPECT_EQ(check.existence.word, Word::kUnknown);
}

TEST(ReceiptTest, an_open_line_proves_that_the_session_began) {
  Issued issued(State::kOpen);
  issued.receipt.signatures.reset();
  issued.receipt.state = "live";
  issued.receipt.head = {12, merkle_leaf("more frames")};
  issued.receipt.sign(issued.auditd);
  const ReceiptCheck check = issued.check();
  EXPECT_TRUE(check.is_good());
  EXPECT_EQ(check.existence.reason,
            "its opening with 9 frames: entry 1 of the log gw.gatetape/log");
}

TEST(ReceiptTest, each_flipped_byte_is_noticed) {
  const Issued issued;
  const std::string text = issued.receipt.to_text();
  for (size_t at = 0; at < text.size(); at++) {
    std::string altered = text;
    altered[at] ^= 1;
    const auto parsed = Receipt::parse(altered);
    if (!parsed.ok()) continue;
    EXPECT_FALSE(check_receipt(*parsed, {issued.log.verifier_key()}).is_good()) << at;
  }
}

TEST(ReceiptTest, a_truncated_or_longer_text_is_no_receipt) {
  const std::string text = Issued().receipt.to_text();
  for (size_t size = 0; size < text.size(); size++)
    EXPECT_FALSE(Receipt::parse(text.substr(0, size)).ok()) << size;
  EXPECT_FALSE(Receipt::parse(text + "\n").ok());
  EXPECT_FALSE(Receipt::parse(std::string(kReceiptBytesMax + 1, 'x')).ok());
}

TEST(ReceiptTest, a_row_with_line_ends_adds_no_line) {
  Issued issued;
  issued.receipt.user = "x\nstate closed";
  issued.receipt.sign(issued.auditd);
  const auto parsed = Receipt::parse(issued.receipt.to_text());
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->user, "x\\x0astate closed");
}

TEST(ReceiptTest, what_does_not_fit_is_bad) {
  struct Row {
    const char* reason;
    ReceiptFinding ReceiptCheck::*finding;
    std::function<void(Issued&)> change;
  };
  const auto& issuer = &ReceiptCheck::issuer;
  const auto& head = &ReceiptCheck::head;
  const auto& existence = &ReceiptCheck::existence;
  const Row rows[] = {
      {"its signature does not verify", issuer, [](Issued& i) { i.receipt.signature[0] ^= 1; }},
      {"proof of its key is not good", issuer,
       [](Issued& i) { i.receipt.log->issuer.hashes[0][0] ^= 1; }},
      {"registers no key of auditd", issuer, [](Issued& i) { i.log_all("gateway"); }},
      {"registers no key of auditd", issuer,
       [](Issued& i) { i.log_all("auditd", KeyEntry::Action::kRetire); }},
      {"registers no key of auditd", issuer, [](Issued& i) { i.receipt.log->issuer = i.prove(1); }},
      {"has another key", issuer, [](Issued& i) { i.auditd = SigningKey::generate(); }},
      {"the log key did not sign", issuer,
       [](Issued& i) {
         const KeyEntry key{KeyEntry::Action::kRegister, "auditd", i.auditd.public_key(), 1};
         i.entries[0] = LogEntry::signed_by(i.auditd, key).to_text();
         i.receipt.log->issuer = i.prove(0);
         i.receipt.log->list = i.prove(1);
       }},
      {"of the writer does not verify", head,
       [](Issued& i) { i.receipt.signatures->writer.signature[0] ^= 1; }},
      {"of the recorder does not verify", head,
       [](Issued& i) { i.receipt.signatures->recorder.key = i.writer.public_key(); }},
      {"proof of the list is not good", existence,
       [](Issued& i) { i.log.key = SigningKey::generate(); }},
      {"not of a heads list", existence, [](Issued& i) { i.receipt.log->list = i.prove(0); }},
      {"not in the heads list", existence, [](Issued& i) { i.receipt.log->line_index ^= 1; }},
      {"another size or root", existence,
       [](Issued& i) { i.receipt.head.root = merkle_leaf("x"); }},
      {"another size or root", existence, [](Issued& i) { i.receipt.head.size = 10; }},
      {"knows more frames", existence, [](Issued& i) { i.receipt.head.size = 8; }},
      {"of another session", existence, [](Issued& i) { i.receipt.session = SessionId::mint(3); }},
  };
  for (const Row& row : rows) {
    Issued issued;
    const VerifierKey trusted = issued.log.verifier_key();
    row.change(issued);
    if (row.finding != issuer || row.reason[0] != 'i') issued.receipt.sign(issued.auditd);
    if (std::string(row.reason).starts_with("proof of the list")) issued.log_all("auditd");
    const ReceiptCheck check = check_receipt(issued.receipt, {trusted});
    EXPECT_EQ((check.*row.finding).word, Word::kBad) << row.reason;
    EXPECT_NE((check.*row.finding).reason.find(row.reason), std::string::npos)
        << row.reason << ": " << (check.*row.finding).to_text();
    EXPECT_FALSE(check.is_good()) << row.reason;
  }
}

TEST(ReceiptTest, an_open_line_of_the_same_size_has_the_same_root) {
  Issued issued(State::kOpen);
  issued.receipt.head.root = merkle_leaf("x");
  issued.receipt.sign(issued.auditd);
  EXPECT_EQ(issued.check().existence.word, Word::kBad);
}

TEST(ReceiptTest, the_log_of_the_issuer_is_the_log_of_the_session) {
  Issued ours;
  Issued theirs;
  theirs.log.name = "other.gatetape/log";
  theirs.auditd = ours.auditd;
  theirs.log_all("auditd");
  ours.receipt.log->issuer = theirs.receipt.log->issuer;
  ours.receipt.sign(ours.auditd);
  const auto check =
      check_receipt(ours.receipt, {ours.log.verifier_key(), theirs.log.verifier_key()});
  EXPECT_EQ(check.issuer.word, ReceiptFinding::Word::kBad) << check.issuer.reason;
  EXPECT_EQ(check.existence.word, ReceiptFinding::Word::kGood) << check.existence.reason;
}

TEST(ReceiptTest, a_witness_key_vouches_for_no_log) {
  const Issued issued;
  VerifierKey witness = issued.log.verifier_key();
  witness.type = NoteKeyType::kCosignature;
  EXPECT_FALSE(check_receipt(issued.receipt, {witness}).is_good());
  EXPECT_FALSE(check_receipt(issued.receipt, {}).is_good());
}

}  // namespace
}  // namespace gatetape
