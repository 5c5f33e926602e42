#include "bundle/statements.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "bundle/member_name.h"
#include "log/fields.h"

namespace gatetape {
namespace {

constexpr char kHeadFirstLine[] = "gatetape session head v1";
constexpr size_t kSignatureBytes = 64;

absl::Status malformed(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat(what, " is malformed"));
}

// read_key reads the line of a public key in its only form.
PublicKey read_key(FieldReader& reader) {
  const std::string_view line = reader.field();
  const auto key = PublicKey::from_text(line);
  reader.fail(!key.ok() || key->to_text() != line);
  return reader.ok() ? *key : PublicKey{};
}

std::string lines_of(const std::vector<Hash>& hashes) {
  CHECK(hashes.size() <= kProofHashesMax, hashes.size());
  std::string text;
  for (const Hash& hash : hashes) text += to_base64(view(hash)) + "\n";
  return text;
}

}  // namespace

std::string SignedHead::to_text() const {
  return head.signed_text() + writer.to_text() + "\n" + to_base64(writer_signature) + "\n" +
         recorder.to_text() + "\n" + to_base64(recorder_signature) + "\n";
}

absl::StatusOr<SignedHead> SignedHead::parse(std::string_view text) {
  FieldReader reader(text);
  SignedHead parsed;
  reader.expect(kHeadFirstLine);
  parsed.head.session = reader.session();
  parsed.head.size = reader.number(1);
  parsed.head.root = reader.hash();
  parsed.writer = read_key(reader);
  parsed.writer_signature = reader.base64(kSignatureBytes);
  parsed.recorder = read_key(reader);
  parsed.recorder_signature = reader.base64(kSignatureBytes);
  if (!reader.at_end()) return malformed("the head");
  return parsed;
}

BundleEntry BundleEntry::of(uint64_t index, std::string text, std::vector<Hash> proof) {
  auto entry = LogEntry::parse(text);
  CHECK(entry.ok(), index, entry.status());
  return {index, std::move(proof), std::move(text), *std::move(entry)};
}

std::string BundleEntry::to_text() const { return lines_of(proof) + "\n" + text; }

absl::StatusOr<BundleEntry> BundleEntry::parse(uint64_t index, std::string_view text) {
  FieldReader reader(text);
  BundleEntry parsed;
  parsed.index = index;
  parsed.proof = reader.hashes();
  parsed.text = reader.rest();
  auto entry = LogEntry::parse(parsed.text);
  if (!reader.ok() || !entry.ok()) return malformed("it");
  parsed.entry = *std::move(entry);
  if (parsed.heads() == nullptr && parsed.key() == nullptr)
    return absl::InvalidArgumentError("it is neither of a heads list nor of a key");
  return parsed;
}

std::string BundleLine::to_text() const {
  return absl::StrCat(leaf_index, "\n", index, "\n", line.to_text(), "\n", lines_of(proof));
}

std::string BundleLine::member_name() const {
  const std::string words = line.to_text();
  return kLinesFolder + words.substr(words.rfind(' ') + 1);
}

absl::StatusOr<BundleLine> BundleLine::parse(std::string_view text) {
  FieldReader reader(text);
  BundleLine parsed;
  parsed.leaf_index = reader.number();
  parsed.index = reader.number();
  const auto line = HeadsLine::parse(reader.field());
  reader.fail(!line.ok());
  while (reader.ok() && !reader.at_end()) {
    parsed.proof.push_back(reader.hash());
    reader.fail(parsed.proof.size() > kProofHashesMax);
  }
  if (!reader.ok()) return malformed("it");
  parsed.line = *line;
  return parsed;
}

}  // namespace gatetape
