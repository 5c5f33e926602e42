// Fakes of the ports of auditd/seal, and entries that recorders signed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "auditd/seal/sequencer_core.h"
#include "log/entry.h"
#include "tests/support/memory_tree.h"

namespace gatetape::auditd {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'796'000'000 * kSecond;
constexpr char kOrigin[] = "gw.gatetape/log";

// heads_entry returns the text of a heads entry of a run, whose id is sixteen times `run`.
inline std::string heads_entry(const SigningKey& recorder, char run, uint64_t n) {
  const HeadsEntry heads{std::string(kRunBytes, run), n, static_cast<uint64_t>(kStart) + n, 1,
                         merkle_leaf("a line")};
  return LogEntry::signed_by(recorder, heads).to_text();
}

inline WaitingEntry waiting_entry(const std::string& entry, int64_t inserted_at_ns) {
  return {std::string(view(merkle_leaf(entry))), entry, inserted_at_ns, 0};
}

// MemorySealStore keeps the tables of the log in memory. Its clock is `now_ns`.
class MemorySealStore : public SealStore {
 public:
  absl::Status open() override {
    opened++;
    is_open = open_status.ok();
    return open_status;
  }
  void close() override { is_open = false; }
  absl::StatusOr<bool> lock() override { return lock_result; }
  absl::StatusOr<StoredLog> read_log() override {
    StoredLog log{leaves.size(), leaves.empty() ? 0 : leaves.back().epoch, {}};
    if (!checkpoints.empty()) log.newest = checkpoints.back();
    return log;
  }
  absl::StatusOr<std::vector<std::string>> read_key_entries() override {
    std::vector<std::string> keys;
    for (const LogLeaf& leaf : leaves)
      if (leaf.entry.starts_with("gatetape log entry v1\nkey\n")) keys.push_back(leaf.entry);
    return keys;
  }
  absl::StatusOr<std::vector<LogLeaf>> read_leaves(uint64_t first, uint64_t count) override {
    std::vector<LogLeaf> page;
    for (uint64_t i = first; i < std::min(first + count, leaves.size()); i++)
      page.push_back(leaves[i]);
    return page;
  }
  NodeSource& nodes() override { return tree; }
  absl::StatusOr<std::vector<WaitingEntry>> waiting(const WaitingRange& range) override {
    const int64_t from_ns = std::min(range.from_ns, now_ns - 600 * kSecond);
    std::vector<WaitingEntry> page;
    for (const WaitingEntry& row : in_order()) {
      const bool is_after = std::pair(row.inserted_at_ns, row.leaf) >
                            std::pair(range.after.inserted_at_ns, range.after.leaf);
      if (row.inserted_at_ns < from_ns || row.inserted_at_ns > range.to_ns || !is_after) continue;
      if (!has_leaf(row.leaf) && page.size() < kWaitingRowsMax) page.push_back(row);
    }
    return page;
  }
  absl::StatusOr<std::optional<EntryPlace>> older(const EntryPlace& before,
                                                  uint64_t count) override {
    std::vector<EntryPlace> places;
    for (const WaitingEntry& row : in_order())
      if (std::pair(row.inserted_at_ns, row.leaf) < std::pair(before.inserted_at_ns, before.leaf))
        places.push_back({row.inserted_at_ns, row.leaf});
    if (places.empty()) return std::optional<EntryPlace>();
    return std::optional<EntryPlace>(places[places.size() - std::min(places.size(), count)]);
  }
  absl::Status append(const LogAppend& append) override {
    appends++;
    const absl::Status status = append_result ? append_result() : absl::OkStatus();
    if (status.ok() || absl::IsAborted(status)) store(append);
    return status;
  }

  void store(const LogAppend& append) {
    for (const LogLeaf& leaf : append.leaves) {
      EXPECT_EQ(leaf.index, leaves.size());
      leaves.push_back(leaf);
      hashes.insert(leaf.leaf);
      tree.append(leaf.entry);
    }
    for (const LogNode& node : append.nodes) nodes_stored.push_back(node);
    checkpoints.push_back({append.n, append.size, now_ns, append.epoch, append.note});
  }
  bool has_leaf(const std::string& hash) const { return hashes.contains(hash); }
  std::vector<WaitingEntry> in_order() const {
    std::vector<WaitingEntry> sorted = entries;
    for (WaitingEntry& row : sorted) row.age_ns = std::max<int64_t>(0, now_ns - row.inserted_at_ns);
    std::sort(sorted.begin(), sorted.end(), [](const WaitingEntry& a, const WaitingEntry& b) {
      return std::pair(a.inserted_at_ns, a.leaf) < std::pair(b.inserted_at_ns, b.leaf);
    });
    return sorted;
  }

  absl::Status open_status;
  absl::StatusOr<bool> lock_result = true;
  std::function<absl::Status()> append_result;  // ABORTED: it was stored all the same
  int64_t now_ns = kStart;
  bool is_open = false;
  int opened = 0;
  int appends = 0;
  std::vector<WaitingEntry> entries;  // of log_entry
  std::vector<LogLeaf> leaves;
  std::set<std::string> hashes;  // of leaves
  std::vector<LogNode> nodes_stored;
  std::vector<StoredCheckpoint> checkpoints;
  MemoryTree tree;
};

// MemoryPublication holds what was published: here the entries of a store.
class MemoryPublication : public Publication, public TileReader {
 public:
  absl::StatusOr<std::optional<std::string>> read_checkpoint() override { return checkpoint; }
  TileReader& tiles() override { return *this; }
  absl::StatusOr<std::optional<std::string>> read_acceptance() override { return acceptance; }
  absl::Status remove_acceptance() override {
    acceptance.reset();
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> read(const TileName& name) override {
    EXPECT_TRUE(name.is_bundle);
    if (name.index * kTileWidth + name.width > entries.size())
      return absl::NotFoundError(name.path() + " is missing");
    const auto first = entries.begin() + static_cast<ptrdiff_t>(name.index * kTileWidth);
    return make_bundle(std::vector<std::string>(first, first + name.width));
  }
  void publish(const MemorySealStore& store) {
    checkpoint = store.checkpoints.back().note;
    entries.clear();
    for (const LogLeaf& leaf : store.leaves) entries.push_back(leaf.entry);
  }

  std::optional<std::string> checkpoint;
  std::optional<std::string> acceptance;
  std::vector<std::string> entries;
};

// SealTest: a core on the fakes.
class SealTest : public testing::Test {
 protected:
  SequencerCore make_core() {
    return SequencerCore({.store = store_,
                          .publication = publication_,
                          .signer = signer_,
                          .keys = wanted_keys({gateway_.public_key(), auditd_.public_key()},
                                              {recorder_.public_key()}, auditd_.public_key()),
                          .judge = EntryJudge({recorder_.public_key()})});
  }
  // step moves the time by the given number of seconds and lets the core do what is due.
  int64_t step(SequencerCore& core, int64_t seconds = 1) {
    store_.now_ns += seconds * kSecond;
    const int64_t due_ns = core.step({.wall_ns = store_.now_ns, .mono_ns = store_.now_ns});
    for (SealNotice& notice : core.take_notices()) notices_.push_back(std::move(notice));
    return due_ns;
  }
  void insert(const std::string& entry, int64_t age_s = 0) {
    store_.entries.push_back(waiting_entry(entry, store_.now_ns - age_s * kSecond));
  }
  // events returns the notices so far and forgets them.
  std::vector<std::string> events() {
    std::vector<std::string> events;
    for (const SealNotice& notice : std::exchange(notices_, {})) events.emplace_back(notice.event);
    return events;
  }
  std::vector<std::string> stored_from(size_t first) const {
    std::vector<std::string> entries;
    for (size_t i = first; i < store_.leaves.size(); i++) entries.push_back(store_.leaves[i].entry);
    return entries;
  }
  // expect_sealed checks that the newest stored checkpoint is that of the stored leaves.
  void expect_sealed() {
    ASSERT_FALSE(store_.checkpoints.empty());
    const auto opened =
        open_checkpoint(store_.checkpoints.back().note, kOrigin, {signer_.verifier_key()});
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->checkpoint.tree, store_.tree.head());
    EXPECT_EQ(store_.checkpoints.back().size, store_.leaves.size());
    for (size_t i = 0; i < store_.checkpoints.size(); i++)
      EXPECT_EQ(store_.checkpoints[i].n, i + 1);
  }

  SigningKey gateway_ = SigningKey::generate();
  SigningKey auditd_ = SigningKey::generate();
  SigningKey recorder_ = SigningKey::generate();
  NoteSigner signer_{kOrigin, NoteKeyType::kEd25519, SigningKey::generate()};
  MemorySealStore store_;
  MemoryPublication publication_;
  std::vector<SealNotice> notices_;
};

}  // namespace gatetape::auditd
