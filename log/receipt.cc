#include "log/receipt.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "log/fields.h"

namespace gatetape {
namespace {

constexpr char kFirstLine[] = "gatetape receipt v1";
constexpr char kNone[] = "none";
constexpr size_t kKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;
constexpr std::array<std::string_view, 3> kStates = {"live", "closed", "interrupted"};

std::string line(std::string_view name, std::string_view value) {
  return std::string(name) + " " + std::string(value) + "\n";
}

std::string line(std::string_view name, uint64_t number) {
  return line(name, std::to_string(number));
}

// text_line writes a value that comes from a row of the database, where it may have line ends.
std::string text_line(std::string_view name, std::string_view value) {
  return line(name, printable(value));
}

std::string text_of(const Receipt::HeadSignature& signature) {
  return to_base64(signature.key.raw) + " " + to_base64(signature.signature);
}

std::string lines_of(const std::optional<Receipt::HeadSignatures>& signatures) {
  return line("writer", signatures ? text_of(signatures->writer) : kNone) +
         line("recorder", signatures ? text_of(signatures->recorder) : kNone);
}

std::string lines_of(const std::optional<Receipt::LogProof>& log) {
  if (!log) return line("line", kNone);
  CHECK(log->list.extra && log->issuer.extra, log->line.to_text());
  std::string hashes = std::to_string(log->line_index);
  for (const Hash& hash : log->line_hashes) hashes += " " + to_base64(view(hash));
  return line("line", log->line.to_text()) + line("line_proof", hashes) +
         line("list_proof", to_base64(log->list.to_text())) +
         line("issuer_proof", to_base64(log->issuer.to_text()));
}

// LineReader reads lines of a name and a value. After the first line of another form it has failed,
// as FieldReader does.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : lines_(text) { lines_.expect(kFirstLine); }

  std::string_view value(std::string_view name) {
    std::string_view text = lines_.field();
    const bool is_named = text.starts_with(name) && text.substr(name.size()).starts_with(' ');
    lines_.fail(!is_named);
    return is_named ? text.substr(name.size() + 1) : std::string_view{};
  }
  std::string text(std::string_view name) {
    std::string found(value(name));
    fail(found != printable(found));
    return found;
  }
  uint64_t number(std::string_view name) {
    uint64_t found = 0;
    fail(!parse_decimal(value(name), &found));
    return found;
  }
  std::string base64(std::string_view name, size_t count) { return base64_of(value(name), count); }
  // proof returns a proof of the log that holds its entry.
  TlogProof proof(std::string_view name) {
    std::string text;
    fail(!from_base64(value(name), &text));
    auto parsed = TlogProof::parse(text);
    fail(!parsed.ok() || !parsed->extra);
    return ok() ? *std::move(parsed) : TlogProof{};
  }
  Receipt::HeadSignature head_signature(std::string_view value) {
    const size_t space = std::min(value.find(' '), value.size());
    Receipt::HeadSignature found;
    found.key.raw = base64_of(value.substr(0, space), kKeyBytes);
    found.signature = base64_of(value.substr(std::min(space + 1, value.size())), kSignatureBytes);
    return found;
  }
  void fail(bool is_bad) { lines_.fail(is_bad); }
  bool ok() const { return lines_.ok(); }
  bool at_end() const { return lines_.at_end(); }

 private:
  std::string base64_of(std::string_view text, size_t count) {
    std::string bytes;
    fail(!from_base64(text, &bytes) || bytes.size() != count);
    return bytes;
  }

  FieldReader lines_;
};

void read_facts(LineReader* reader, Receipt* receipt) {
  const auto session = SessionId::from_text(reader->value("session"));
  reader->fail(!session.ok());
  if (session.ok()) receipt->session = *session;
  receipt->user = reader->text("user");
  receipt->login = reader->text("login");
  receipt->target = reader->text("target");
  receipt->key_fingerprint = reader->text("key_fingerprint");
  receipt->started_at_ns = reader->number("started_at");
  receipt->ended_at_ns = reader->number("ended_at");
  receipt->state = reader->text("state");
  reader->fail(std::find(kStates.begin(), kStates.end(), receipt->state) == kStates.end());
  receipt->bytes_in = reader->number("bytes_in");
  receipt->bytes_out = reader->number("bytes_out");
  receipt->head.size = reader->number("size");
  reader->fail(!parse_hash(reader->value("root"), &receipt->head.root));
}

void read_signatures(LineReader* reader, Receipt* receipt) {
  const std::string_view writer = reader->value("writer");
  const std::string_view recorder = reader->value("recorder");
  if (writer == kNone && recorder == kNone) return;
  receipt->signatures = {reader->head_signature(writer), reader->head_signature(recorder)};
}

void read_line_proof(std::string_view value, LineReader* reader, Receipt::LogProof* log) {
  // FieldReader wants an end behind each field, and an empty field behind the last hash.
  const std::string fields = std::string(value) + "  ";
  FieldReader parts(fields, ' ');
  log->line_index = parts.number();
  log->line_hashes = parts.hashes();
  reader->fail(!parts.at_end());
}

void read_log(LineReader* reader, Receipt* receipt) {
  const std::string_view text = reader->value("line");
  if (text == kNone) return;
  Receipt::LogProof log;
  const auto parsed = HeadsLine::parse(text);
  reader->fail(!parsed.ok() || parsed->state == HeadsLine::State::kLive);
  if (parsed.ok()) log.line = *parsed;
  read_line_proof(reader->value("line_proof"), reader, &log);
  log.list = reader->proof("list_proof");
  log.issuer = reader->proof("issuer_proof");
  receipt->log = std::move(log);
}

}  // namespace

void Receipt::sign(const SigningKey& key) {
  issuer = key.public_key();
  signature = key.sign(signed_text());
}

std::string Receipt::signed_text() const {
  CHECK(issuer.raw.size() == kKeyBytes, session.to_text());
  return absl::StrCat(kFirstLine, "\n") + line("session", session.to_text()) +
         text_line("user", user) + text_line("login", login) + text_line("target", target) +
         text_line("key_fingerprint", key_fingerprint) + line("started_at", started_at_ns) +
         line("ended_at", ended_at_ns) + line("state", state) + line("bytes_in", bytes_in) +
         line("bytes_out", bytes_out) + line("size", head.size) +
         line("root", to_base64(view(head.root))) + lines_of(signatures) +
         line("issued_at", issued_at_ns) + lines_of(log) + line("issuer", to_base64(issuer.raw));
}

std::string Receipt::to_text() const {
  CHECK(signature.size() == kSignatureBytes, session.to_text());
  return signed_text() + line("signature", to_base64(signature));
}

absl::StatusOr<Receipt> Receipt::parse(std::string_view text) {
  const absl::Status malformed = absl::InvalidArgumentError("not a `gatetape receipt v1`");
  if (text.size() > kReceiptBytesMax) return malformed;
  LineReader reader(text);
  Receipt receipt;
  read_facts(&reader, &receipt);
  read_signatures(&reader, &receipt);
  receipt.issued_at_ns = reader.number("issued_at");
  read_log(&reader, &receipt);
  receipt.issuer.raw = reader.base64("issuer", kKeyBytes);
  receipt.signature = reader.base64("signature", kSignatureBytes);
  // Every receipt has one form, down to the unused bits of its base64.
  if (!reader.at_end() || receipt.to_text() != text) return malformed;
  return receipt;
}

}  // namespace gatetape
