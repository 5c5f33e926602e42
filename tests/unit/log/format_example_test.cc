// The worked examples of docs/FORMAT.md sections 9.9 and 12 are what the code makes.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "base/bytes.h"
#include "log/checkpoint.h"
#include "log/entry.h"
#include "log/heads_list.h"
#include "log/receipt.h"
#include "log/receipt_check.h"
#include "log/tlog_proof.h"
#include "tests/support/fixed_key.h"
#include "tests/support/memory_tree.h"

namespace gatetape {
namespace {

// key_from returns the key whose seed is 32 bytes that count up from `first`.
SigningKey key_from(char first) {
  std::string seed;
  for (char c = first; c < first + 32; c++) seed += c;
  return fixed_key(seed);
}

Hash hash_of(const char* hex) {
  std::string bytes;
  Hash hash{};
  EXPECT_TRUE(from_hex(hex, &bytes) && to_hash(bytes, &hash));
  return hash;
}

// expect_in_format fails unless FORMAT.md holds the text as a block of its own.
void expect_in_format(const std::string& text) {
  std::ifstream file(GATETAPE_TEST_DATA "/../../docs/FORMAT.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(page.find("\n```\n" + text + "```\n"), std::string::npos) << text;
}

// example_list returns the heads list, and example_heads its entry.
HeadsList example_list() {
  const Hash root = hash_of("0a6773251b8c758a7ad9ccab6a693515be891296d431928831c512d2f74536ec");
  return HeadsList::from_lines({{*SessionId::from_text("019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b"),
                                 {2, root},
                                 HeadsLine::State::kOpen},
                                {*SessionId::from_text("019c1a2b-0000-7000-8000-000000000001"),
                                 {9, merkle_leaf("")},
                                 HeadsLine::State::kClose}});
}
std::string example_heads(const SigningKey& recorder, const HeadsList& list) {
  return LogEntry::signed_by(recorder, HeadsEntry{std::string(16, '\x5a'), 1, 1796000000123456789,
                                                  list.lines().size(), list.root()})
      .to_text();
}
std::string example_registration(const NoteSigner& log, const char* role, const SigningKey& key) {
  return LogEntry::signed_by(log.key, KeyEntry{KeyEntry::Action::kRegister, role, key.public_key(),
                                               1796000000000000000})
      .to_text();
}

// example_receipt returns a receipt of the closed session, whose issuer is entry 2.
Receipt example_receipt(const NoteSigner& log, const SigningKey& recorder,
                        const SigningKey& issuer) {
  const HeadsList list = example_list();
  const std::string entries[] = {example_registration(log, "recorder", recorder),
                                 example_heads(recorder, list),
                                 example_registration(log, "auditd", issuer)};
  MemoryTree tree;
  for (const std::string& entry : entries) tree.append(entry);
  const std::string note = sign_checkpoint({log.name, tree.head(), ""}, log).to_text();
  const auto prove = [&](uint64_t index) {
    return TlogProof{entries[index], index, *inclusion_proof(tree, index, 3), note};
  };
  Receipt receipt;
  receipt.session = list.lines()[0].session;
  receipt.user = "alice";
  receipt.login = "deploy";
  receipt.target = "web1";
  receipt.key_fingerprint = "SHA256:uNiVztksCsDhcc0u9e8BrwQXm0lcc2sc2W8pgsL4ZzA";
  receipt.started_at_ns = 1795999990000000000;
  receipt.ended_at_ns = 1796000000100000000;
  receipt.state = "closed";
  receipt.bytes_in = 12;
  receipt.bytes_out = 3456;
  receipt.head = list.lines()[0].head;
  const std::string head = receipt.session_head().signed_text();
  const SigningKey writer = key_from('\x10');
  receipt.signatures = {{writer.public_key(), writer.sign(head)},
                        {recorder.public_key(), recorder.sign(head)}};
  receipt.issued_at_ns = 1796000005000000000;
  receipt.log = Receipt::LogProof{list.lines()[0], 0, list.prove(0), prove(1), prove(2)};
  receipt.sign(issuer);
  return receipt;
}

TEST(LogFormat, the_worked_example_is_what_the_code_makes) {
  const SigningKey recorder = key_from('\x00');
  const NoteSigner log{"gw.gatetape/log", NoteKeyType::kEd25519, key_from('\x20')};
  const NoteSigner witness{"witness.example/w1", NoteKeyType::kCosignature, key_from('\x40')};
  expect_in_format(recorder.public_key().to_text() + "\n" + log.verifier_key().to_text() + "\n" +
                   witness.verifier_key().to_text() + "\n");

  const HeadsList list = example_list();
  expect_in_format(list.to_text());

  const std::string registered = example_registration(log, "recorder", recorder);
  const std::string heads = example_heads(recorder, list);
  expect_in_format(registered);
  expect_in_format(heads);

  MemoryTree tree;
  tree.append(registered);
  tree.append(heads);
  expect_in_format(to_hex(view(tree.leaf(0))) + "\n" + to_hex(view(tree.leaf(1))) + "\n" +
                   to_hex(view(tree.head().root)) + "\n");

  SignedNote note = sign_checkpoint({log.name, tree.head(), ""}, log);
  note.sign(witness, 1796000001);
  const TlogProof proof{heads, 1, *inclusion_proof(tree, 1, 2), note.to_text()};
  expect_in_format(proof.to_text());
  EXPECT_TRUE(proof.verify(heads, log.name, {log.verifier_key()}).ok());
}

TEST(LogFormat, the_receipt_of_the_worked_example_is_what_the_code_makes) {
  const NoteSigner log{"gw.gatetape/log", NoteKeyType::kEd25519, key_from('\x20')};
  const Receipt receipt = example_receipt(log, key_from('\x00'), key_from('\x50'));
  expect_in_format(receipt.to_text());
  EXPECT_TRUE(check_receipt(receipt, {log.verifier_key()}).is_good());
}

}  // namespace
}  // namespace gatetape
