// Fuzz target of the log: notes, verifier keys, checkpoints, entries, heads lists, proofs, tiles,
// receipts and requests to a witness. The input is the text of each of them, and, after its first
// byte, a series of requests by which a log with two histories tries to deceive a witness.

#include <algorithm>

#include "log/add_checkpoint.h"
#include "log/checkpoint.h"
#include "log/entry.h"
#include "log/heads_list.h"
#include "log/receipt_check.h"
#include "log/tile.h"
#include "log/tlog_proof.h"
#include "log/witness_core.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memory_tree.h"

namespace gatetape::fuzz {
namespace {

// The key and the only text that it signed (golang.org/x/mod/sumdb/note).
constexpr char kKey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr char kSigned[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";

// check_message CHECKs that an error may be shown.
void check_message(const absl::Status& status) {
  check_shown({status.message().data(), status.message().size()});
}

// check_text CHECKs that a parsed text has one form.
template <typename Type>
void check_text(std::string_view bytes) {
  const auto parsed = Type::parse(bytes);
  if (parsed.ok())
    CHECK(parsed->to_text() == bytes, printable(bytes));
  else
    check_message(parsed.status());
}

void check_note(std::string_view bytes) {
  const VerifierKey trusted = *VerifierKey::from_text(kKey);
  const auto note = SignedNote::parse(bytes);
  if (!note.ok()) return;
  const auto good = verify_note(*note, {trusted});
  if (good.ok())
    CHECK(note->text == kSigned, printable(note->text));
  else
    check_message(good.status());
  CHECK(!open_checkpoint(bytes, "PeterNeumann", {trusted}).ok());
}

void check_key(std::string_view line) {
  const auto key = VerifierKey::from_text(line);
  if (!key.ok()) return check_message(key.status());
  CHECK(key->to_text() == line, printable(line));
  CHECK(is_key_name(key->name) && key->hash().size() == 4, printable(key->name));
}

void check_entry(std::string_view text) {
  const auto entry = LogEntry::parse(text);
  if (!entry.ok()) return;
  CHECK(text.size() <= kLogEntryBytesMax, text.size());
  CHECK(!entry->verify(VerifierKey::from_text(kKey)->key));
  CHECK(LogEntry::parse(std::string(text) + "\n").status().code() ==
        absl::StatusCode::kInvalidArgument);
}

void check_list(std::string_view text) {
  const auto list = HeadsList::parse(text);
  if (!list.ok()) return;
  const TreeHead head{list->lines().size(), list->root()};
  for (size_t i = 0; i < list->lines().size(); i++) {
    const HeadsLine& line = list->lines()[i];
    CHECK(list->find(line.session) == i, i);
    CHECK(verify_inclusion(merkle_leaf(line.to_text()), i, head, list->prove(i)).ok(), i);
  }
}

void check_proof(std::string_view text) {
  const auto proof = TlogProof::parse(text);
  if (!proof.ok()) return;
  CHECK(proof->hashes.size() < 64, proof->hashes.size());
  CHECK(!proof->verify("entry", "PeterNeumann", {*VerifierKey::from_text(kKey)}).ok());
}

void check_receipt_of_nobody(std::string_view text) {
  const auto receipt = Receipt::parse(text);
  if (!receipt.ok()) return;
  const ReceiptCheck check = check_receipt(*receipt, {*VerifierKey::from_text(kKey)});
  CHECK(!check.is_good());
  for (const ReceiptFinding& finding : {check.issuer, check.head, check.existence})
    check_shown(finding.to_text());
}

void check_tiles(std::string_view bytes) {
  const auto name = TileName::parse(bytes);
  if (name.ok()) CHECK(name->path() == bytes && name->width <= kTileWidth, printable(bytes));
  const uint32_t width = Choices(bytes).u8();
  const std::string_view rest = bytes.substr(bytes.empty() ? 0 : 1);
  const auto entries = parse_bundle(rest, width);
  if (entries.ok()) CHECK(make_bundle(*entries) == rest && entries->size() == width, width);
  const auto hashes = parse_tile(rest, width);
  CHECK(hashes.ok() == (rest.size() == size_t{32} * width), rest.size());
}

class NoStore : public WitnessStore {
 public:
  absl::Status keep(const std::string&, const std::string&) override { return absl::OkStatus(); }
};

// check_witness lets a log whose key was stolen show two histories, which part after three entries.
void check_witness(Choices choices) {
  static const NoteSigner log{"log", NoteKeyType::kEd25519, SigningKey::generate()};
  static const NoteSigner cosigner{"witness", NoteKeyType::kCosignature, SigningKey::generate()};
  MemoryTree histories[2] = {MemoryTree::of_size(3), MemoryTree::of_size(3)};
  for (uint8_t i = 0; i < 30; i++)
    for (size_t which : {0U, 1U}) histories[which].append({which == 0 ? "a" : "b"});
  NoStore store;
  WitnessCore witness(cosigner, store);
  witness.trust(log.verifier_key());
  uint64_t last = 0;
  size_t cosigned = 2;  // the history that was cosigned beyond the common part; 2 = none yet
  for (int i = 0; i < 16 && !choices.empty(); i++) {
    const size_t which = choices.u8() % 2;
    const uint64_t old_size = choices.u8() % 34, size = choices.u8() % 34;
    MemoryTree& tree = histories[which];
    AddCheckpoint request{old_size, {}, ""};
    if (old_size <= size) request.proof = *consistency_proof(tree, old_size, size);
    const uint8_t damage = choices.u8();
    if (damage % 4 == 1 && !request.proof.empty()) request.proof[0][damage / 8] ^= 1;
    request.checkpoint = sign_checkpoint({"log", tree.head(size), ""}, log).to_text();
    const WitnessAnswer answer = witness.add_checkpoint(request.to_text(), 1);
    check_shown(answer.body.substr(0, answer.body.size() - 1));
    if (answer.status != 200) continue;
    CHECK(old_size == last && size >= last, old_size, last, size);
    CHECK(size <= 3 || cosigned == 2 || cosigned == which, size, cosigned, which);
    if (size > 3) cosigned = which;
    last = size;
  }
}

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  const std::string_view bytes = fuzz::input(data, size);
  fuzz::check_text<SignedNote>(bytes);
  fuzz::check_text<Checkpoint>(bytes);
  fuzz::check_text<LogEntry>(bytes);
  fuzz::check_text<HeadsList>(bytes);
  fuzz::check_text<TlogProof>(bytes);
  fuzz::check_text<AddCheckpoint>(bytes);
  fuzz::check_text<Receipt>(bytes);
  fuzz::check_note(bytes);
  fuzz::check_key(bytes);
  fuzz::check_entry(bytes);
  fuzz::check_list(bytes);
  fuzz::check_proof(bytes);
  fuzz::check_receipt_of_nobody(bytes);
  fuzz::check_tiles(bytes);
  if (bytes.starts_with('W')) fuzz::check_witness(fuzz::Choices(bytes.substr(1)));
  return 0;
}
