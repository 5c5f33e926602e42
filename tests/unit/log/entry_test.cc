#include "log/entry.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace gatetape {
namespace {

constexpr uint64_t kNow = 1796000000123456789;
constexpr uint64_t kMost = INT64_MAX;

Hash hash_of(char c) {
  Hash hash;
  hash.fill(c);
  return hash;
}

PublicKey key_of(char c) { return {std::string(32, c)}; }

SessionId session() { return *SessionId::from_text("019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b"); }

// One entry of each type with common values, and one with the longest ones.
std::vector<LogEntry::Body> bodies() {
  const std::string run(16, '\x5a');
  return {
      HeadsEntry{run, 7, kNow, 12, hash_of('r')},
      HeadsEntry{run, kMost, kMost, kMost, hash_of('\xff')},
      KeyEntry{KeyEntry::Action::kRegister, "recorder", key_of('k'), kNow},
      KeyEntry{KeyEntry::Action::kRegister, std::string(16, 'z'), key_of('\xff'), kMost},
      KeyEntry{KeyEntry::Action::kRetire, "log", key_of('k'), 0},
      StartEntry{1, kNow},
      StartEntry{kMost, kMost},
      ErasedEntry{session(), 3, hash_of('l'), kNow},
      ErasedEntry{session(), kMost, hash_of('\xff'), kMost},
      PrunedEntry{0, 0, 1, 0},
      PrunedEntry{kMost, kMost, kMost, kMost},
  };
}

std::string replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(LogEntry, every_entry_survives_its_text_and_keeps_the_bound) {
  const SigningKey key = SigningKey::generate();
  for (const LogEntry::Body& body : bodies()) {
    const std::string text = LogEntry::signed_by(key, body).to_text();
    EXPECT_LE(text.size(), kLogEntryBytesMax) << text;
    const auto again = LogEntry::parse(text);
    ASSERT_TRUE(again.ok()) << again.status() << "\n" << text;
    EXPECT_EQ(again->body.index(), body.index());
    EXPECT_EQ(again->to_text(), text);
    EXPECT_TRUE(again->verify(key.public_key()));
    EXPECT_FALSE(again->verify(SigningKey::generate().public_key()));
  }
}

TEST(LogEntry, the_lines_of_each_type_are_those_of_the_format) {
  const auto text_of = [](LogEntry::Body body) {
    return LogEntry{std::move(body), "0123456789abcdef", std::string(64, '\0')}.to_text();
  };
  const std::string head = "gatetape log entry v1\n", signer = "0123456789abcdef\n";
  const std::string signature = std::string(86, 'A') + "==\n";
  const std::string hash = to_base64(view(hash_of('r'))) + "\n";
  EXPECT_EQ(
      text_of(HeadsEntry{std::string(16, '\x5a'), 7, 8, 9, hash_of('r')}),
      head + "heads\n" + signer + "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\n7\n8\n9\n" + hash + signature);
  EXPECT_EQ(text_of(KeyEntry{KeyEntry::Action::kRetire, "gateway", key_of('r'), 8}),
            head + "key\n" + signer + "retire\ngateway\n" + key_of('r').id() + "\ned25519 " + hash +
                "8\n" + signature);
  EXPECT_EQ(text_of(StartEntry{5, 8}), head + "start\n" + signer + "5\n8\n" + signature);
  EXPECT_EQ(text_of(ErasedEntry{session(), 3, hash_of('r'), 8}),
            head + "erased\n" + signer + session().to_text() + "\n3\n" + hash + "8\n" + signature);
  EXPECT_EQ(text_of(PrunedEntry{1, 2, 2, 8}),
            head + "pruned\n" + signer + "1\n2\n2\n8\n" + signature);
}

TEST(LogEntry, every_changed_bit_is_refused) {
  const SigningKey key = SigningKey::generate();
  for (const LogEntry::Body& body : bodies()) {
    const std::string text = LogEntry::signed_by(key, body).to_text();
    for (size_t bit = 0; bit < 8 * text.size(); bit++) {
      std::string changed = text;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      const auto parsed = LogEntry::parse(changed);
      EXPECT_FALSE(parsed.ok() && parsed->verify(key.public_key())) << bit << "\n" << changed;
    }
    for (size_t size = 0; size < text.size(); size++)
      EXPECT_FALSE(LogEntry::parse(text.substr(0, size)).ok()) << size;
    EXPECT_FALSE(LogEntry::parse(text + "\n").ok());
    EXPECT_FALSE(LogEntry::parse(text + "x\n").ok());
  }
}

TEST(LogEntry, a_signature_counts_for_the_key_that_the_entry_names) {
  const SigningKey key = SigningKey::generate(), other = SigningKey::generate();
  LogEntry entry = LogEntry::signed_by(key, StartEntry{1, kNow});
  entry.signer = other.public_key().id();
  entry.signature = key.sign(entry.signed_text());
  EXPECT_FALSE(entry.verify(key.public_key()));
  EXPECT_FALSE(entry.verify(other.public_key()));
}

TEST(LogEntry, values_that_no_writer_makes_are_refused) {
  const SigningKey key = SigningKey::generate();
  const auto invalid = absl::StatusCode::kInvalidArgument;
  const std::vector<LogEntry::Body> rows = {
      HeadsEntry{std::string(16, 'x'), 0, kNow, 1, Hash{}},
      HeadsEntry{std::string(16, 'x'), 1, kNow, 0, Hash{}},
      HeadsEntry{std::string(16, 'x'), 1, kMost + 1, 1, Hash{}},
      StartEntry{0, kNow},
      ErasedEntry{session(), 0, Hash{}, kNow},
      PrunedEntry{2, 1, 1, kNow},
      PrunedEntry{1, 2, 0, kNow},
  };
  for (const LogEntry::Body& body : rows) {
    const std::string text = LogEntry::signed_by(key, body).to_text();
    EXPECT_EQ(LogEntry::parse(text).status().code(), invalid) << text;
  }
  const std::string registered =
      LogEntry::signed_by(key, KeyEntry{{}, "gateway", key_of('k'), 1}).to_text();
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"register", "revoke"},
                                                        {"gateway", "Gateway"},
                                                        {"gateway", ""},
                                                        {"gateway", std::string(17, 'g')},
                                                        {key_of('k').id(), key_of('x').id()},
                                                        {"ed25519 ", "ed448 "},
                                                        {"ed25519 ", "ed25519  "},
                                                        {"\n1\n", " \n1\n"}})
    EXPECT_EQ(LogEntry::parse(replace(registered, from, to)).status().code(), invalid) << to;
}

TEST(LogEntry, an_unknown_type_is_told_apart_from_a_malformed_entry) {
  const std::string text = LogEntry::signed_by(SigningKey::generate(), StartEntry{1, 2}).to_text();
  const auto code = [&](const std::string& from, const std::string& to) {
    return LogEntry::parse(replace(text, from, to)).status().code();
  };
  EXPECT_EQ(code("start", "later"), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code("start", "Start"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("start", ""), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("v1", "v2"), absl::StatusCode::kInvalidArgument);
  // The bound holds for every type.
  const std::string later = replace(text, "start", "later");
  const std::string filler(kLogEntryBytesMax - later.size() - 1, 'x');
  EXPECT_EQ(LogEntry::parse(later + filler + "\n").status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(LogEntry::parse(later + filler + "x\n").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gatetape
