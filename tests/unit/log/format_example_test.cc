// The worked example of docs/FORMAT.md section 9.9 is what the code makes.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "base/bytes.h"
#include "log/checkpoint.h"
#include "log/entry.h"
#include "log/heads_list.h"
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

TEST(LogFormat, the_worked_example_is_what_the_code_makes) {
  const SigningKey recorder = key_from('\x00');
  const NoteSigner log{"gw.gatetape/log", NoteKeyType::kEd25519, key_from('\x20')};
  const NoteSigner witness{"witness.example/w1", NoteKeyType::kCosignature, key_from('\x40')};
  expect_in_format(recorder.public_key().to_text() + "\n" + log.verifier_key().to_text() + "\n" +
                   witness.verifier_key().to_text() + "\n");

  const Hash root = hash_of("0a6773251b8c758a7ad9ccab6a693515be891296d431928831c512d2f74536ec");
  const HeadsList list =
      HeadsList::from_lines({{*SessionId::from_text("019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b"),
                              {2, root},
                              HeadsLine::State::kOpen},
                             {*SessionId::from_text("019c1a2b-0000-7000-8000-000000000001"),
                              {9, merkle_leaf("")},
                              HeadsLine::State::kClose}});
  expect_in_format(list.to_text());

  const std::string registered =
      LogEntry::signed_by(log.key, KeyEntry{KeyEntry::Action::kRegister, "recorder",
                                            recorder.public_key(), 1796000000000000000})
          .to_text();
  const std::string heads =
      LogEntry::signed_by(recorder, HeadsEntry{std::string(16, '\x5a'), 1, 1796000000123456789,
                                               list.lines().size(), list.root()})
          .to_text();
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

}  // namespace
}  // namespace gatetape
