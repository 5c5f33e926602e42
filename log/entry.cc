#include "log/entry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "log/fields.h"

namespace gatetape {
namespace {

constexpr char kFirstLine[] = "gatetape log entry v1";
constexpr size_t kKeyIdBytes = 8;
constexpr size_t kSignatureBytes = 64;
constexpr size_t kWordCharactersMax = 16;  // of a role or a type, so that an entry keeps its bound

// is_word returns true for a role or a type.
bool is_word(std::string_view text) {
  auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && text.size() <= kWordCharactersMax &&
         std::all_of(text.begin(), text.end(), is_letter);
}

const char* name_of(KeyEntry::Action action) {
  return action == KeyEntry::Action::kRegister ? "register" : "retire";
}

// Each body has the word of its type, its lines, and how they are read.

constexpr const char* type_of(const HeadsEntry*) { return "heads"; }
constexpr const char* type_of(const KeyEntry*) { return "key"; }
constexpr const char* type_of(const StartEntry*) { return "start"; }
constexpr const char* type_of(const ErasedEntry*) { return "erased"; }
constexpr const char* type_of(const PrunedEntry*) { return "pruned"; }

std::string lines_of(const HeadsEntry& heads) {
  CHECK(heads.run.size() == kRunBytes, heads.run.size());
  return absl::StrCat(to_hex(heads.run), "\n", heads.n, "\n", heads.time_ns, "\n", heads.count,
                      "\n", to_base64(view(heads.root)), "\n");
}

std::string lines_of(const KeyEntry& key) {
  CHECK(is_word(key.role), printable(key.role));
  return absl::StrCat(name_of(key.action), "\n", key.role, "\n", key.key.id(), "\n",
                      key.key.to_text(), "\n", key.time_ns, "\n");
}

std::string lines_of(const StartEntry& start) {
  return absl::StrCat(start.epoch, "\n", start.time_ns, "\n");
}

std::string lines_of(const ErasedEntry& erased) {
  return absl::StrCat(erased.session.to_text(), "\n", erased.seq, "\n",
                      to_base64(view(erased.leaf)), "\n", erased.time_ns, "\n");
}

std::string lines_of(const PrunedEntry& pruned) {
  return absl::StrCat(pruned.first, "\n", pruned.last, "\n", pruned.count, "\n", pruned.time_ns,
                      "\n");
}

void read(FieldReader& reader, HeadsEntry* heads) {
  heads->run = reader.hex(kRunBytes);
  heads->n = reader.number(1);
  heads->time_ns = reader.number();
  heads->count = reader.number(1);
  heads->root = reader.hash();
}

void read(FieldReader& reader, KeyEntry* key) {
  const std::string_view action = reader.field();
  if (action == name_of(KeyEntry::Action::kRetire)) key->action = KeyEntry::Action::kRetire;
  reader.fail(action != name_of(key->action));
  key->role = reader.field();
  reader.fail(!is_word(key->role));
  const std::string_view id = reader.field(), line = reader.field();
  const auto public_key = PublicKey::from_text(line);
  reader.fail(!public_key.ok());
  if (!reader.ok()) return;
  key->key = *public_key;
  reader.fail(id != key->key.id() || line != key->key.to_text());
  key->time_ns = reader.number();
}

void read(FieldReader& reader, StartEntry* start) {
  start->epoch = reader.number(1);
  start->time_ns = reader.number();
}

void read(FieldReader& reader, ErasedEntry* erased) {
  erased->session = reader.session();
  erased->seq = reader.number(1);
  erased->leaf = reader.hash();
  erased->time_ns = reader.number();
}

void read(FieldReader& reader, PrunedEntry* pruned) {
  pruned->first = reader.number();
  pruned->last = reader.number(pruned->first);
  pruned->count = reader.number(1);
  pruned->time_ns = reader.number();
}

// read_as reads the lines of a body of this type when `type` is its word. It returns false for
// another word.
template <typename Type>
bool read_as(std::string_view type, FieldReader& reader, LogEntry::Body* body) {
  Type value;
  if (type != type_of(&value)) return false;
  read(reader, &value);
  *body = std::move(value);
  return true;
}

// read_body returns false when `type` is not the word of a body.
bool read_body(std::string_view type, FieldReader& reader, LogEntry::Body* body) {
  return read_as<HeadsEntry>(type, reader, body) || read_as<KeyEntry>(type, reader, body) ||
         read_as<StartEntry>(type, reader, body) || read_as<ErasedEntry>(type, reader, body) ||
         read_as<PrunedEntry>(type, reader, body);
}

}  // namespace

LogEntry LogEntry::signed_by(const SigningKey& key, Body body) {
  LogEntry entry{std::move(body), key.public_key().id(), ""};
  entry.signature = key.sign(entry.signed_text());
  return entry;
}

bool LogEntry::verify(const PublicKey& key) const {
  return key.id() == signer && key.verify(signed_text(), signature);
}

std::string LogEntry::signed_text() const {
  const auto text_of = [this](const auto& value) {
    return absl::StrCat(kFirstLine, "\n", type_of(&value), "\n", signer, "\n", lines_of(value));
  };
  return std::visit(text_of, body);
}

std::string LogEntry::to_text() const {
  std::string text = signed_text() + to_base64(signature) + "\n";
  CHECK(text.size() <= kLogEntryBytesMax, text.size());
  return text;
}

absl::StatusOr<LogEntry> LogEntry::parse(std::string_view text) {
  const auto malformed = [] { return absl::InvalidArgumentError("not an entry of the log"); };
  if (text.size() > kLogEntryBytesMax) return malformed();
  FieldReader reader(text);
  reader.expect(kFirstLine);
  const std::string_view type = reader.field();
  if (!reader.ok() || !is_word(type)) return malformed();
  LogEntry entry;
  entry.signer = to_hex(reader.hex(kKeyIdBytes));
  if (!read_body(type, reader, &entry.body))
    return absl::UnimplementedError("an entry of the unknown type " + std::string(type));
  entry.signature = reader.base64(kSignatureBytes);
  if (!reader.at_end()) return malformed();
  return entry;
}

}  // namespace gatetape
