#include "auditd/receipts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "auditd/query/session_reader.h"
#include "auditd/verify/evidence_reader.h"
#include "auditd/verify/verifier.h"
#include "log/checkpoint.h"
#include "log/db/db_node_source.h"
#include "log/db/log_rows.h"
#include "log/entry.h"

namespace gatetape::auditd {
namespace {

// A checkpoint is signed every second, so that 5 s suffice for one that is late.
constexpr int kTries = 25;
constexpr absl::Duration kPause = absl::Milliseconds(200);

// `close` sorts before `open`: the better proof comes first.
constexpr char kLists[] =
    "select s.state, s.leaf, h.list from gatetape.session_heads s left join gatetape.heads h "
    "on h.at = s.at and h.leaf = s.leaf where s.session_id = $1::uuid order by s.state";

// NamedBy is a heads list that names the session.
struct NamedBy {
  std::string state;
  std::string leaf;
  std::string list;
};

absl::StatusOr<std::vector<NamedBy>> read_lists(Db& db, const SessionId& session) {
  const auto rows = db.query(kLists, {PgParam::uuid(session.bytes())});
  if (!rows.ok()) return rows.status();
  return read_rows(*rows, [](DbRow& row) {
    return NamedBy{row.text(), row.bytes(), row.maybe(&DbRow::bytes).value_or("")};
  });
}

absl::Status altered(const std::string& what) {
  return absl::DataLossError(
      absl::StrCat("there is no receipt, because ", what, ": run `gatetape verify --all`"));
}

uint64_t positive(int64_t number) { return static_cast<uint64_t>(std::max<int64_t>(number, 0)); }

void set_facts(const audit::v1::Session& row, Receipt* receipt) {
  receipt->user = row.user();
  receipt->login = row.login();
  receipt->target = row.target();
  receipt->key_fingerprint = row.key_fingerprint();
  receipt->started_at_ns = positive(row.started_at_unix_ns());
  receipt->ended_at_ns = positive(row.ended_at_unix_ns());
  receipt->state = row.state();
  receipt->bytes_in = row.bytes_in();
  receipt->bytes_out = row.bytes_out();
}

// find_registration returns the leaf that registers the key for auditd; NOT_FOUND when there is
// none.
absl::StatusOr<LogLeaf> find_registration(Db& db, const PublicKey& issuer) {
  auto leaves = read_key_entries(db);
  if (!leaves.ok()) return leaves.status();
  for (auto leaf = leaves->rbegin(); leaf != leaves->rend(); ++leaf) {
    const auto entry = LogEntry::parse(leaf->entry);
    const auto* key = entry.ok() ? std::get_if<KeyEntry>(&entry->body) : nullptr;
    if (key == nullptr || key->key.raw != issuer.raw || key->role != "auditd") continue;
    if (key->action == KeyEntry::Action::kRegister) return std::move(*leaf);
  }
  return absl::NotFoundError("the log does not register the key of this auditd");
}

// make_proof returns the proof of a leaf. A log whose rows do not lead to its checkpoint fails with
// DATA_LOSS.
absl::StatusOr<TlogProof> make_proof(Db& db, const LogLeaf& leaf, const std::string& note) {
  const auto parsed = SignedNote::parse(note);
  const auto checkpoint =
      parsed.ok() ? Checkpoint::parse(parsed->text) : absl::StatusOr<Checkpoint>(parsed.status());
  if (!checkpoint.ok()) return altered("a checkpoint of the log is not readable");
  DbNodeSource nodes(db);
  auto hashes = inclusion_proof(nodes, leaf.index, checkpoint->tree.size);
  if (!hashes.ok()) return hashes.status();
  if (!verify_inclusion(merkle_leaf(leaf.entry), leaf.index, checkpoint->tree, *hashes).ok())
    return altered(absl::StrCat("leaf ", leaf.index, " of the log is not under its checkpoint"));
  TlogProof proof;
  proof.extra = leaf.entry;
  proof.index = leaf.index;
  proof.hashes = *std::move(hashes);
  proof.checkpoint = note;
  return proof;
}

// find_line writes the line of the session, and its proof in its list, into `log`.
absl::Status find_line(const SessionId& session, const NamedBy& named, const LogLeaf& leaf,
                       Receipt::LogProof* log) {
  const auto list = HeadsList::parse(named.list);
  const auto entry = LogEntry::parse(leaf.entry);
  const auto* heads = entry.ok() ? std::get_if<HeadsEntry>(&entry->body) : nullptr;
  if (!list.ok() || heads == nullptr || !list->is_of(*heads))
    return altered(absl::StrCat("a heads list is not that of leaf ", leaf.index, " of the log"));
  const size_t index = list->find(session);
  if (index == list->lines().size() || list->lines()[index].state == HeadsLine::State::kLive)
    return altered("a heads list does not name the session");
  log->line = list->lines()[index];
  log->line_index = index;
  log->line_hashes = list->prove(index);
  return absl::OkStatus();
}

// prove_line returns the proof that a list gives; NOT_FOUND when no checkpoint has it yet.
absl::StatusOr<Receipt::LogProof> prove_line(Db& db, const SessionId& session, const NamedBy& named,
                                             const LogLeaf& registration) {
  Hash hash{};
  if (!to_hash(named.leaf, &hash)) return altered("a row of session_heads has no leaf");
  const auto leaf = find_leaf(db, hash);
  if (!leaf.ok()) return leaf.status();
  const auto checkpoint = checkpoint_covering(db, std::max(leaf->index, registration.index));
  if (!checkpoint.ok()) return checkpoint.status();
  Receipt::LogProof log;
  if (absl::Status status = find_line(session, named, *leaf, &log); !status.ok()) return status;
  auto list = make_proof(db, *leaf, checkpoint->note);
  if (!list.ok()) return list.status();
  auto issuer = make_proof(db, registration, checkpoint->note);
  if (!issuer.ok()) return issuer.status();
  log.list = *std::move(list);
  log.issuer = *std::move(issuer);
  return log;
}

}  // namespace

absl::StatusOr<Receipt> ReceiptMaker::make(const SessionId& session) {
  absl::StatusOr<Receipt> receipt = read_facts(session);
  if (!receipt.ok()) return receipt;
  for (int tries = 1;; tries++) {
    const absl::StatusOr<bool> complete = prove(&*receipt);
    if (!complete.ok()) return complete.status();
    if (*complete || tries == kTries || parts_.is_unwanted()) break;
    absl::SleepFor(kPause);
  }
  receipt->issued_at_ns = positive(parts_.clock.wall_ns());
  receipt->sign(parts_.issuer);
  return receipt;
}

// The verdict is read before the row: a session that ends meanwhile has no signatures in its
// receipt.
absl::StatusOr<Receipt> ReceiptMaker::read_facts(const SessionId& session) {
  absl::StatusOr<Database::Lease> db = parts_.lease();
  if (!db.ok()) return db.status();
  const auto verdict = Verifier(**db, parts_.trusted, parts_.clock, parts_.log).verify(session);
  if (!verdict.ok()) return verdict.status();
  if (verdict->result() == audit::v1::Verdict::RESULT_TAMPERED)
    return altered("the session was altered: " + verdict->detail());
  const auto row = SessionReader(**db, parts_.clock).load(session);
  if (!row.ok()) return row.status();
  Receipt receipt;
  receipt.session = session;
  set_facts(*row, &receipt);
  receipt.head.size = verdict->frames();
  if (!to_hash(verdict->root(), &receipt.head.root)) return altered("the session has no root");
  if (verdict->result() != audit::v1::Verdict::RESULT_INTACT) return receipt;
  const auto head = read_head(**db, session);
  if (!head.ok()) return head.status();
  if (!*head) return altered("its signed head has gone");
  receipt.signatures = {{{(*head)->gateway_key}, (*head)->gateway_signature},
                        {{(*head)->recorder_key}, (*head)->recorder_signature}};
  return receipt;
}

absl::StatusOr<bool> ReceiptMaker::prove(Receipt* receipt) {
  absl::StatusOr<Database::Lease> db = parts_.lease();
  if (!db.ok()) return db.status();
  const auto snapshot = DbTransaction::begin_snapshot(**db);
  if (!snapshot.ok()) return snapshot.status();
  const auto lists = read_lists(**db, receipt->session);
  if (!lists.ok()) return lists.status();
  if (lists->empty()) return true;  // It is older than the log.
  const auto registration = find_registration(**db, parts_.issuer.public_key());
  if (absl::IsNotFound(registration.status())) return false;
  if (!registration.ok()) return registration.status();
  for (const NamedBy& named : *lists) {
    auto log = prove_line(**db, receipt->session, named, *registration);
    if (absl::IsNotFound(log.status())) continue;
    if (!log.ok()) return log.status();
    // The session ended after its frames were read: this line is about frames that they lack.
    if (log->line.head.size > receipt->head.size) continue;
    receipt->log = *std::move(log);
    return &named == &lists->front();
  }
  return false;
}

}  // namespace gatetape::auditd
