#include "auditd/bundle/evidence.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "auditd/bundle/session_lists.h"
#include "auditd/verify/evidence_reader.h"
#include "log/checkpoint.h"
#include "log/db/db_node_source.h"
#include "log/db/log_rows.h"

namespace gatetape::auditd {
namespace {

// A checkpoint is stored again with its cosignatures. This many of the newest ones are looked
// through for one that is cosigned: about a minute of a busy log.
constexpr uint32_t kCheckpointsMax = 64;

constexpr char kTail[] =
    "select last_seq, last_offset_ns from gatetape.frames where session_id = $1::uuid "
    "order by first_seq desc limit 1";

absl::Status altered(const std::string& what) {
  return absl::DataLossError(
      absl::StrCat("the log of the database was altered: ", what, "; run `gatetape verify --all`"));
}

absl::Status not_yet() {
  return absl::UnavailableError(
      "auditd: the log does not have the newest state of the session yet; `gatetape log` shows "
      "whether it is behind");
}

// EvidenceReader gathers the parts in an order in which each needs only those before it.
class EvidenceReader {
 public:
  EvidenceReader(Db& db, const SessionId& session) : db_(db) { evidence_.session = session; }

  absl::StatusOr<Evidence> read() {
    for (const auto step : {&EvidenceReader::read_session_facts, &EvidenceReader::read_signed_head,
                            &EvidenceReader::read_lists, &EvidenceReader::read_keys_that_signed,
                            &EvidenceReader::choose_checkpoint, &EvidenceReader::prove})
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    return std::move(evidence_);
  }

 private:
  absl::Status read_session_facts() {
    const auto keys = read_keys(db_, evidence_.session);
    if (!keys.ok()) return keys.status();
    const auto row = read_session(db_, evidence_.session);
    if (!row.ok()) return row.status();
    const auto rows = db_.query(kTail, {PgParam::uuid(evidence_.session.bytes())});
    if (!rows.ok()) return rows.status();
    if (!*keys || !*row || rows->size() == 0)
      return absl::FailedPreconditionError(
          "the session has no frames or no commit key: nothing of it can be proven");
    evidence_.keys = **keys;
    evidence_.started_at_ns = (*row)->started_at_ns;
    DbRow tail = rows->row(0);
    evidence_.stored_frames = tail.count();
    last_.at_ns = (*row)->started_at_ns + tail.maybe(&DbRow::int8).value_or(0);
    return tail.finish();
  }

  absl::Status read_signed_head() {
    const auto stored = read_head(db_, evidence_.session);
    if (!stored.ok()) return stored.status();
    if (!*stored) return absl::OkStatus();
    SignedHead head;
    head.head.session = evidence_.session;
    head.head.size = (*stored)->size;
    if (!to_hash((*stored)->root, &head.head.root)) return altered("the head has no root");
    head.writer.raw = (*stored)->gateway_key;
    head.writer_signature = (*stored)->gateway_signature;
    head.recorder.raw = (*stored)->recorder_key;
    head.recorder_signature = (*stored)->recorder_signature;
    if (!SignedHead::parse(head.to_text()).ok()) return altered("the head of the session");
    evidence_.head = head;
    evidence_.frames = head.head.size;
    return absl::OkStatus();
  }

  absl::Status read_lists() {
    const auto lists = read_session_lists(db_, evidence_.session, last_);
    if (!lists.ok()) return lists.status();
    if (!lists->complete) return not_yet();
    for (const SequencedList& list : lists->lists) add_line(list);
    if (evidence_.lines.empty() && !evidence_.head)
      return absl::FailedPreconditionError(
          "nothing that was signed names the session: it was interrupted before the log began");
    return absl::OkStatus();
  }

  // add_line takes the line of the session, and the entry of the list without its proof.
  void add_line(const SequencedList& list) {
    const size_t index = list.list.find(evidence_.session);
    if (index == list.list.lines().size()) return;
    const HeadsLine& line = list.list.lines()[index];
    evidence_.lines.push_back({list.leaf_index, index, line, list.list.prove(index)});
    evidence_.entries.push_back(BundleEntry::of(list.leaf_index, list.entry, {}));
    evidence_.frames = std::max(evidence_.frames, line.head.size);
  }

  absl::Status read_keys_that_signed() {
    std::set<std::string> ids;
    for (const BundleEntry& entry : evidence_.entries) ids.insert(entry.entry.signer);
    if (evidence_.head) ids.insert({evidence_.head->writer.id(), evidence_.head->recorder.id()});
    const auto leaves = read_key_entries(db_);
    if (!leaves.ok()) return leaves.status();
    for (const LogLeaf& leaf : *leaves) {
      const auto entry = LogEntry::parse(leaf.entry);
      const auto* key = entry.ok() ? std::get_if<KeyEntry>(&entry->body) : nullptr;
      if (key != nullptr && (key->role == "log" || ids.contains(key->key.id())))
        evidence_.entries.push_back(BundleEntry::of(leaf.index, leaf.entry, {}));
    }
    const auto by_index = [](const BundleEntry& a, const BundleEntry& b) {
      return a.index < b.index;
    };
    std::sort(evidence_.entries.begin(), evidence_.entries.end(), by_index);
    return absl::OkStatus();
  }

  // choose_checkpoint takes the newest one that is cosigned and covers all entries, or else the
  // newest one.
  absl::Status choose_checkpoint() {
    const auto stored = newest_checkpoints(db_, kCheckpointsMax);
    if (!stored.ok()) return stored.status();
    if (stored->empty())
      return absl::FailedPreconditionError(
          "the log has no checkpoint: give an auditd the log key, [auditd] log_key");
    const uint64_t needed = evidence_.entries.empty() ? 0 : evidence_.entries.back().index + 1;
    for (auto one = stored->rbegin(); one != stored->rend() && one->size >= needed; ++one) {
      const auto note = SignedNote::parse(one->note);
      if (!note.ok()) return altered("a checkpoint is not readable");
      const bool is_cosigned = note->signatures.size() > 1;
      if (!evidence_.checkpoint.empty() && !is_cosigned) continue;
      evidence_.checkpoint = one->note;
      checkpoint_text_ = note->text;
      if (is_cosigned) break;
    }
    return evidence_.checkpoint.empty() ? not_yet() : absl::OkStatus();
  }

  absl::Status prove() {
    const auto checkpoint = Checkpoint::parse(checkpoint_text_);
    if (!checkpoint.ok()) return altered("a checkpoint is not readable");
    DbNodeSource nodes(db_);
    for (BundleEntry& entry : evidence_.entries) {
      auto proof = inclusion_proof(nodes, entry.index, checkpoint->tree.size);
      if (!proof.ok()) return proof.status();
      entry.proof = *std::move(proof);
      if (!verify_inclusion(merkle_leaf(entry.text), entry.index, checkpoint->tree, entry.proof)
               .ok())
        return altered(absl::StrCat("leaf ", entry.index, " is not under the checkpoint"));
    }
    return absl::OkStatus();
  }

  Db& db_;
  Evidence evidence_;
  LastFrame last_;
  std::string checkpoint_text_;
};

}  // namespace

absl::StatusOr<Evidence> read_evidence(Db& db, const SessionId& session) {
  const auto snapshot = DbTransaction::begin_snapshot(db);
  if (!snapshot.ok()) return snapshot.status();
  return EvidenceReader(db, session).read();
}

}  // namespace gatetape::auditd
