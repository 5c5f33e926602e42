#include "auditd/verify/log_core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatetape::auditd {
namespace {

// Findings that are kept. A log with so many is beyond repair.
constexpr size_t kFindingsMax = 1000;

std::string leaf_name(uint64_t index) { return absl::StrCat("leaf ", index, " of the log"); }

// leaves_are returns the subject of a sentence about the leaves from `first` to the one before
// `end`, with its verb.
std::string leaves_are(uint64_t first, uint64_t end) {
  return end == first + 1 ? leaf_name(first) + " is"
                          : absl::StrCat("leaves ", first, " to ", end - 1, " of the log are");
}

// has_signature_of returns true when a note has the first signature of another one, by its log.
bool has_signature_of(const SignedNote& note, const SignedNote& other) {
  return std::any_of(note.signatures.begin(), note.signatures.end(), [&](const auto& signature) {
    return signature.to_line() == other.signatures.front().to_line();
  });
}

}  // namespace

void LogCore::report(std::string what) {
  if (findings_.size() < kFindingsMax) findings_.push_back(std::move(what));
}

// A leaf that is missing shifts all further ones, so that no root can be compared behind it.
void LogCore::check_place(const LogLeaf& leaf) {
  if (leaf.index < position_) return report(leaf_name(leaf.index) + " is stored twice");
  if (leaf.index > position_) {
    report(leaves_are(position_, leaf.index) + " missing");
    is_broken_ = true;
  }
  position_ = leaf.index + 1;
  const Hash hash = merkle_leaf(leaf.entry);
  if (view(hash) != leaf.leaf) report(leaf_name(leaf.index) + " has another hash than its entry");
  if (!is_broken_) tree_.append(hash);
  check_published();
}

void LogCore::check_published() {
  if (published_ && !is_broken_ && tree_.size() == published_->size &&
      tree_.root() != published_->root)
    report(absl::StrCat("the log is another one than the published checkpoint of ",
                        published_->size, " leaves says"));
}

void LogCore::check_epoch(const LogLeaf& leaf, const StartEntry* start) {
  if (start != nullptr) {
    if (start->epoch <= epoch_)
      report(absl::StrCat(leaf_name(leaf.index), " starts epoch ", start->epoch, " after epoch ",
                          epoch_));
    epoch_ = start->epoch;
  }
  if (leaf.epoch != epoch_)
    report(absl::StrCat(leaf_name(leaf.index), " is of epoch ", leaf.epoch,
                        ", but the newest start is of epoch ", epoch_));
}

std::optional<HeadsEntry> LogCore::add_leaf(const LogLeaf& leaf) {
  check_place(leaf);
  const absl::StatusOr<LogEntry> entry = LogEntry::parse(leaf.entry);
  if (!entry.ok()) {
    check_epoch(leaf, nullptr);
    // A type that is not known counts as a leaf (docs/FORMAT.md section 9.1).
    if (!absl::IsUnimplemented(entry.status()))
      report(leaf_name(leaf.index) + " is no entry of a log");
    return std::nullopt;
  }
  check_epoch(leaf, std::get_if<StartEntry>(&entry->body));
  const auto* heads = std::get_if<HeadsEntry>(&entry->body);
  if (heads != nullptr && static_cast<int64_t>(heads->time_ns) >= signatures_from_ns_)
    with_signatures_ = true;
  if (std::string wrong = keys_.check(*entry, heads == nullptr || with_signatures_);
      !wrong.empty()) {
    report(absl::StrCat(leaf_name(leaf.index), " ", wrong));
    return std::nullopt;
  }
  keys_.take(*entry);
  if (const auto* pruned = std::get_if<PrunedEntry>(&entry->body)) lists_.pruned(*pruned);
  if (heads == nullptr) return std::nullopt;
  if (!state_.began_ns) state_.began_ns = static_cast<int64_t>(heads->time_ns);
  if (std::string wrong = runs_.add(entry->signer, *heads); !wrong.empty())
    report(absl::StrCat(leaf_name(leaf.index), " ", wrong));
  return *heads;
}

std::optional<HeadsList> LogCore::add_list(uint64_t leaf_index, const HeadsEntry& heads,
                                           const std::optional<std::string>& text) {
  if (!text) {
    lists_.missing(leaf_index, heads.time_ns);
    return std::nullopt;
  }
  const auto at_ns = static_cast<int64_t>(heads.time_ns);
  absl::StatusOr<HeadsList> list = HeadsList::parse(*text);
  if (!list.ok() || !list->is_of(heads)) {
    report(absl::StrCat(list_name(at_ns), " is not the one of its entry, leaf ", leaf_index));
    return std::nullopt;
  }
  for (const HeadsLine& line : list->lines()) {
    const auto known = state_.unclosed.find(line.session);
    if (line.state == HeadsLine::State::kClose)
      state_.unclosed.erase(line.session);
    else if (known == state_.unclosed.end() || known->second.line.head.size < line.head.size)
      state_.unclosed[line.session] = {line, at_ns};
  }
  return *std::move(list);
}

void LogCore::add_checkpoint(const StoredCheckpoint& row) {
  if (row.n != checkpoint_n_ + 1)
    report(
        row.n == checkpoint_n_ + 2
            ? absl::StrCat("checkpoint ", checkpoint_n_ + 1, " is missing")
            : absl::StrCat("checkpoints ", checkpoint_n_ + 1, " to ", row.n - 1, " are missing"));
  checkpoint_n_ = row.n;
  bool is_verified = false;
  const absl::StatusOr<Checkpoint> checkpoint = open(row, &is_verified);
  if (!checkpoint.ok() || checkpoint->tree.size != row.size)
    return report(absl::StrCat("checkpoint ", row.n, " is not one that a log key signed"));
  check_root(row, *checkpoint, is_verified);
}

absl::StatusOr<Checkpoint> LogCore::open(const StoredCheckpoint& row, bool* is_verified) {
  const auto note = SignedNote::parse(row.note);
  if (!note.ok()) return note.status();
  const bool is_old = row.at_ns < signatures_from_ns_ && row.n != newest_n_;
  // The same checkpoint is stored again when a witness has cosigned it, and each idle minute.
  *is_verified = verified_ && note->text == verified_->text && has_signature_of(*note, *verified_);
  if (*is_verified || is_old) return Checkpoint::parse(note->text);
  const auto opened = open_checkpoint(row.note, trust_.origin, trust_.keys);
  if (!opened.ok()) return opened.status();
  *is_verified = true;
  verified_ = opened->note;
  return opened->checkpoint;
}

void LogCore::check_root(const StoredCheckpoint& row, const Checkpoint& checkpoint,
                         bool is_verified) {
  const std::string name = absl::StrCat("checkpoint ", row.n);
  if (row.size < checkpoint_size_)
    return report(
        absl::StrCat(name, " is of ", row.size, " leaves, the one before of ", checkpoint_size_));
  checkpoint_size_ = row.size;
  if (row.size > position_)
    return report(absl::StrCat(leaves_are(position_, row.size), " missing from the end; ", name,
                               " is of ", row.size, " leaves"));
  if (is_broken_) return;
  if (checkpoint.tree.root == tree_.root()) {
    matched_size_ = row.size;
    if (is_verified) state_.checked_size = row.size;
    return;
  }
  is_broken_ = true;
  report(absl::StrCat(leaves_are(matched_size_, row.size), " not what ", name, " signed"));
}

std::string LogCore::waiting(const std::string& leaf, const std::string& text) const {
  if (view(merkle_leaf(text)) != leaf) return "has another hash than its entry";
  const absl::StatusOr<LogEntry> entry = LogEntry::parse(text);
  if (!entry.ok()) return "is no entry of a log";
  return keys_.check(*entry, true);
}

void LogCore::finish() {
  if (!is_broken_ && position_ > state_.checked_size)
    report(leaves_are(state_.checked_size, position_) + " in no checkpoint that a log key signed");
  if (published_ && published_->size > position_)
    report(absl::StrCat("the database is behind the published checkpoint: it has ", position_,
                        " leaves of the log, and ", published_->size, " were published"));
  if (!is_broken_)
    for (std::string& line : tree_.missing_nodes()) report(std::move(line));
  for (std::string& line : runs_.holes()) report(std::move(line));
  for (std::string& line : lists_.problems()) report(std::move(line));
}

}  // namespace gatetape::auditd
