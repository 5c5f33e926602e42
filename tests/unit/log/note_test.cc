#include "log/note.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/support/fixed_key.h"

namespace gatetape {
namespace {

// The keys and the note of the reference implementation (golang.org/x/mod/sumdb/note).
constexpr char kPeterKey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
// The type of the key, and its seed.
constexpr char kPeterSecret[] = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr char kEnochKey[] = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
constexpr char kText[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr char kPeterLine[] =
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6K"
    "E6RyyBwJnAM=\n";
constexpr char kEnochLine[] =
    "— EnochRoot "
    "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1"
    "RvMc+QQ=\n";

VerifierKey vkey(const char* line) {
  auto key = VerifierKey::from_text(line);
  EXPECT_TRUE(key.ok()) << key.status();
  return *key;
}

absl::StatusCode verify(const std::string& bytes, const std::vector<VerifierKey>& trusted) {
  const auto note = SignedNote::parse(bytes);
  return note.ok() ? verify_note(*note, trusted).status().code() : note.status().code();
}

const std::string kNote = std::string(kText) + "\n" + kPeterLine;

TEST(Note, the_note_of_the_reference_implementation_verifies) {
  const auto note = SignedNote::parse(kNote + kEnochLine);
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_EQ(note->text, kText);
  EXPECT_EQ(note->to_text(), kNote + kEnochLine);
  const auto peter = verify_note(*note, {vkey(kPeterKey)});
  ASSERT_TRUE(peter.ok()) << peter.status();
  ASSERT_EQ(peter->size(), 1U);
  EXPECT_EQ((*peter)[0].key, vkey(kPeterKey));
  EXPECT_EQ(verify_note(*note, {vkey(kEnochKey), vkey(kPeterKey)})->size(), 2U);
}

TEST(Note, signing_makes_the_bytes_of_the_reference_implementation) {
  std::string secret;
  ASSERT_TRUE(from_base64(kPeterSecret, &secret));
  const NoteSigner peter{"PeterNeumann", NoteKeyType::kEd25519, fixed_key(secret.substr(1))};
  EXPECT_EQ(peter.verifier_key().to_text(), kPeterKey);
  SignedNote note{kText, {}};
  note.sign(peter);
  EXPECT_EQ(note.to_text(), kNote);
}

TEST(Note, the_example_of_signed_note_is_read) {
  const auto note = SignedNote::parse(
      "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito "
      "sera.\n\n"
      "— quasimodo.example/salvatore "
      "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU"
      "0xMcXxj99ihAQwaqP3ZekRwNtIc=\n");
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_TRUE(note->text.ends_with("\n\ned è subito sera.\n"));
  ASSERT_EQ(note->signatures.size(), 1U);
  EXPECT_EQ(note->signatures[0].name, "quasimodo.example/salvatore");
  EXPECT_EQ(to_hex(note->signatures[0].key_hash), "367ba04b");
  EXPECT_EQ(note->signatures[0].bytes.size(), 64U);
}

TEST(Note, every_changed_bit_is_refused) {
  for (size_t bit = 0; bit < 8 * kNote.size(); bit++) {
    std::string changed = kNote;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(verify(changed, {vkey(kPeterKey)}), absl::StatusCode::kOk) << "bit " << bit;
  }
  for (size_t size = 0; size < kNote.size(); size++)
    EXPECT_NE(verify(kNote.substr(0, size), {vkey(kPeterKey)}), absl::StatusCode::kOk) << size;
}

TEST(Note, malformed_notes_are_refused) {
  const std::string text = kText, peter = kPeterLine;
  const std::vector<std::pair<const char*, std::string>> rows = {
      {"nothing", ""},
      {"no signature", text},
      {"no signature line", text + "\n"},
      {"no empty line", text + peter},
      {"no text", "\n" + peter},
      {"no end of the last line", kNote.substr(0, kNote.size() - 1)},
      {"a control character", "\x01" + kNote},
      {"a carriage return", "a\r\n\n" + peter},
      {"a NUL", std::string("\0", 1) + kNote},
      {"no UTF-8", "\xff" + kNote},
      {"a space in the name", text + "\n— Bad Name AAAAAAA=\n"},
      {"a plus in the name", text + "\n— Bad+Name AAAAAAA=\n"},
      {"a space of Unicode in the name", text + "\n— Bad\u00a0Name AAAAAAA=\n"},
      {"no name", text + "\n—  AAAAAAA=\n"},
      {"no signature bytes", text + "\n— name AAAAAA==\n"},
      {"base64 of another form", text + "\n— name AAAAAAB=\n"},
      {"base64 without padding", text + "\n— name AAAAAAA\n"},
      {"a hyphen for the dash", text + "\n- name AAAAAAA=\n"},
      {"a line behind", kNote + "Unexpected line.\n"},
      {"an empty line behind", kNote + "\n"},
  };
  for (const auto& [name, bytes] : rows)
    EXPECT_EQ(SignedNote::parse(bytes).status().code(), absl::StatusCode::kInvalidArgument) << name;
}

TEST(Note, size_and_signatures_are_bounded) {
  std::string note = std::string(kText) + "\n";
  for (size_t i = 0; i < kNoteSignaturesMax; i++) note += kPeterLine;
  EXPECT_TRUE(SignedNote::parse(note).ok());
  EXPECT_FALSE(SignedNote::parse(note + kPeterLine).ok());
  const std::string longest = std::string(kNoteBytesMax - kNote.size() - 1, 'x') + "\n" + kNote;
  ASSERT_EQ(longest.size(), kNoteBytesMax);
  EXPECT_TRUE(SignedNote::parse(longest).ok());
  EXPECT_FALSE(SignedNote::parse("x" + longest).ok());
}

TEST(Note, trust_comes_from_the_keys_of_the_verifier) {
  VerifierKey other = vkey(kPeterKey);
  other.name = "Peter";
  EXPECT_EQ(verify(kNote, {}), absl::StatusCode::kNotFound);
  EXPECT_EQ(verify(kNote, {vkey(kEnochKey), other}), absl::StatusCode::kNotFound);
  // A line of a trusted key that does not verify spoils the note, whatever else verifies.
  const std::string forged =
      "— EnochRoot " + to_base64(vkey(kEnochKey).hash() + std::string(64, 'x')) + "\n";
  EXPECT_EQ(verify(kNote + forged, {vkey(kPeterKey), vkey(kEnochKey)}),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(verify(kNote + forged, {vkey(kPeterKey)}), absl::StatusCode::kOk);
}

TEST(Note, signature_lines_alone_are_read) {
  EXPECT_EQ(parse_signature_lines(std::string(kPeterLine) + kEnochLine)->size(), 2U);
  for (const std::string& bad : {std::string(), kNote, std::string("\n"),
                                 std::string(kPeterLine) + "\n", std::string(kPeterLine, 40)})
    EXPECT_FALSE(parse_signature_lines(bad).ok()) << bad;
}

TEST(VerifierKey, every_other_text_of_a_key_is_refused) {
  const std::string line = kPeterKey;
  for (size_t first = 0; first <= line.size(); first++)
    for (size_t size = 0; first + size <= line.size(); size++)
      EXPECT_EQ(VerifierKey::from_text(line.substr(first, size)).ok(), size == line.size());
  for (size_t bit = 0; bit < 8 * line.size(); bit++) {
    std::string changed = line;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(VerifierKey::from_text(changed).ok()) << changed;
  }
  for (const char* bad :
       {"PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"})
    EXPECT_FALSE(VerifierKey::from_text(bad).ok()) << bad;
  EXPECT_FALSE(VerifierKey::from_text(line + "\n").ok());
}

TEST(VerifierKey, a_cosignature_is_of_its_time) {
  const NoteSigner witness{"witness.example/w1", NoteKeyType::kCosignature, SigningKey::generate()};
  const VerifierKey key = witness.verifier_key();
  EXPECT_EQ(VerifierKey::from_text(key.to_text())->to_text(), key.to_text());
  const std::string text = "example.com/behind-the-sofa\n20852163\nroot\n";
  const std::string signature = witness.sign(text, 1679315147);
  EXPECT_EQ(to_hex(signature.substr(0, 8)), "00000000641850cb");
  EXPECT_TRUE(key.verify(text, signature));
  EXPECT_TRUE(key.key.verify("cosignature/v1\ntime 1679315147\n" + text, signature.substr(8)));
  for (size_t bit = 0; bit < 8 * signature.size(); bit++) {
    std::string changed = signature;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(key.verify(text, changed)) << bit;
  }
  uint64_t time_s = 7;
  EXPECT_TRUE(cosignature_time(signature, &time_s));
  EXPECT_EQ(time_s, 1679315147U);
  EXPECT_FALSE(cosignature_time(std::string(72, '\xff'), &time_s));
  EXPECT_FALSE(cosignature_time(signature.substr(1), &time_s));
}

TEST(VerifierKey, one_key_of_two_types_has_two_hashes) {
  const SigningKey key = SigningKey::generate();
  const VerifierKey log{"a", NoteKeyType::kEd25519, key.public_key()};
  const VerifierKey witness{"a", NoteKeyType::kCosignature, key.public_key()};
  EXPECT_NE(log.hash(), witness.hash());
  EXPECT_FALSE(log == witness);
  const std::string text = "text\n";
  EXPECT_FALSE(witness.verify(text, NoteSigner{"a", NoteKeyType::kEd25519, key}.sign(text)));
  EXPECT_FALSE(log.verify(text, NoteSigner{"a", NoteKeyType::kCosignature, key}.sign(text, 1)));
}

}  // namespace
}  // namespace gatetape
