// LogCore: judges the log from its rows in order (docs/FORMAT.md section 9): the leaves, their
// entries and signers, the heads lists, and the checkpoints that sign the tree. Pure: the caller
// reads the rows. One thread.
//
// The tree is always computed from the first leaf on. Ed25519 signatures of heads entries and
// checkpoints, which take a hundred times as long, are verified from a time on: what is older is
// fixed by the first newer checkpoint. An entry behind a newer one is newer, whatever time it has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "auditd/verify/checked_tree.h"
#include "auditd/verify/log_keys.h"
#include "auditd/verify/log_runs.h"
#include "auditd/verify/log_trust.h"
#include "auditd/verify/logged_session.h"
#include "auditd/verify/missing_lists.h"
#include "log/checkpoint.h"
#include "log/db/log_rows.h"
#include "log/entry.h"

namespace gatetape::auditd {

class LogCore {
 public:
  LogCore(const LogTrust& trust, int64_t signatures_from_ns)
      : trust_(trust), signatures_from_ns_(signatures_from_ns), keys_(trust.keys) {}

  // expect_newest sets the n of the newest checkpoint, whose signature is always verified.
  void expect_newest(uint64_t n) { newest_n_ = n; }
  // expect_published sets the published checkpoint, which the log must extend.
  void expect_published(const TreeHead& published) { published_ = published; }
  // add_leaf takes the row with the next larger index. It returns the entry when it has a heads
  // list, which the caller then passes to add_list.
  std::optional<HeadsEntry> add_leaf(const LogLeaf& leaf);
  // add_list takes the list of the heads entry at a leaf index; nullopt when none is stored. It
  // returns the list when it is the one of the entry.
  std::optional<HeadsList> add_list(uint64_t leaf_index, const HeadsEntry& heads,
                                    const std::optional<std::string>& text);
  // add_checkpoint takes the row with the next larger n, when all leaves below its size were added
  // or no more are stored.
  void add_checkpoint(const StoredCheckpoint& checkpoint);
  // waiting returns what is wrong with an entry that has no leaf; an empty text when it waits for
  // its place. It is called after the last leaf.
  std::string waiting(const std::string& leaf, const std::string& text) const;
  // finish is called once, after all rows.
  void finish();

  CheckedTree& tree() { return tree_; }
  // is_broken returns true when the tree could not be computed to its end.
  bool is_broken() const { return is_broken_; }
  // position returns the index behind the newest leaf.
  uint64_t position() const { return position_; }
  const LogState& state() const { return state_; }
  void report(std::string what);
  const std::vector<std::string>& findings() const { return findings_; }

 private:
  void check_place(const LogLeaf& leaf);
  void check_epoch(const LogLeaf& leaf, const StartEntry* start);
  // open returns the checkpoint of a row whose log key signed it, or that is too old to verify.
  absl::StatusOr<Checkpoint> open(const StoredCheckpoint& row, bool* is_verified);
  void check_root(const StoredCheckpoint& row, const Checkpoint& checkpoint, bool is_verified);
  void check_published();

  const LogTrust& trust_;
  const int64_t signatures_from_ns_;
  LogKeys keys_;
  LogRuns runs_;
  CheckedTree tree_;
  MissingLists lists_;
  LogState state_;
  std::optional<TreeHead> published_;
  uint64_t newest_n_ = 0;
  uint64_t position_ = 0;
  uint64_t epoch_ = 0;  // of the newest start
  uint64_t checkpoint_n_ = 0;
  uint64_t checkpoint_size_ = 0;
  uint64_t matched_size_ = 0;           // of the newest checkpoint whose root is the tree's
  std::optional<SignedNote> verified_;  // the newest checkpoint whose signature was verified
  bool with_signatures_ = false;        // an entry of signatures_from_ns_ or later was seen
  bool is_broken_ = false;              // the tree cannot be compared any more
  std::vector<std::string> findings_;
};

}  // namespace gatetape::auditd
