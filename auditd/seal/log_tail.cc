#include "auditd/seal/log_tail.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "log/entry.h"

namespace gatetape::auditd {
namespace {

// size_signed returns the size of the newest checkpoint of the database. It fails with DATA_LOSS
// when that is not signed, or of another size than its row.
absl::StatusOr<TreeHead> newest_head(const StoredLog& stored, const VerifierKey& key) {
  if (!stored.newest) return TreeHead{0, empty_root()};
  const auto opened = open_checkpoint(stored.newest->note, key.name, {key});
  if (!opened.ok())
    return absl::DataLossError(absl::StrCat("checkpoint ", stored.newest->n,
                                            " of the database: ", opened.status().message()));
  const TreeHead& tree = opened->checkpoint.tree;
  if (tree.size == stored.newest->size) return tree;
  return absl::DataLossError(absl::StrCat("checkpoint ", stored.newest->n,
                                          " of the database is of ", tree.size,
                                          " leaves, and its row says ", stored.newest->size));
}

absl::Status check_published(SealStore& store, const Checkpoint& published) {
  const auto root = tree_root(store.nodes(), published.tree.size);
  if (!root.ok()) return root.status();
  if (*root == published.tree.root) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the database holds another tree than the published checkpoint of ",
                   published.tree.size, " leaves"));
}

absl::Status not_restorable(absl::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("what was published cannot be added again: ", why,
                   "; restore publish_dir as it was, or a newer database"));
}

// Restoration appends published entries to the log.
class Restoration {
 public:
  struct Goal {
    StoredLog stored;
    uint64_t signed_size = 0;  // of the newest stored checkpoint
    Checkpoint published;
  };
  Restoration(TileReader& tiles, Goal goal, LogTree tree)
      : tiles_(tiles), goal_(std::move(goal)), tree_(std::move(tree)), epoch_(goal_.stored.epoch) {
    next_.n = goal_.stored.newest ? goal_.stored.newest->n : 0;
  }

  // run reads all entries. `store` is null when they are only verified.
  absl::Status run(SealStore* store, const NoteSigner& signer) {
    const uint64_t size = goal_.published.tree.size;
    while (tree_.size() < size) {
      const auto entries = read_bundle(tree_.size() / kTileWidth);
      if (!entries.ok()) return not_restorable(entries.status().message());
      for (size_t i = tree_.size() % kTileWidth; i < entries->size(); i++) add((*entries)[i]);
      if (absl::Status status = store_leaves(store, signer); !status.ok()) return status;
    }
    if (tree_.head() == goal_.published.tree) return absl::OkStatus();
    return not_restorable("the entries do not lead from the database to the checkpoint");
  }

 private:
  absl::StatusOr<std::vector<std::string>> read_bundle(uint64_t index) {
    TileName name = tile_of(goal_.published.tree.size, 0, index);
    name.is_bundle = true;
    const auto bytes = tiles_.read(name);
    if (!bytes.ok()) return bytes.status();
    return parse_bundle(*bytes, name.width);
  }

  void add(const std::string& entry) {
    const Hash leaf = merkle_leaf(entry);
    const absl::StatusOr<LogEntry> parsed = LogEntry::parse(entry);
    const auto* start = parsed.ok() ? std::get_if<StartEntry>(&parsed->body) : nullptr;
    if (start != nullptr) epoch_ = std::max(epoch_, start->epoch);
    next_.leaves.push_back({tree_.size(), std::string(view(leaf)), entry, epoch_});
    tree_.append(leaf, &next_.nodes);
  }

  // Sizes of stored checkpoints never shrink, so the leaves below the newest one are stored
  // together with the first beyond it.
  absl::Status store_leaves(SealStore* store, const NoteSigner& signer) {
    absl::Status status;
    if (store != nullptr && tree_.size() < goal_.signed_size) return status;
    if (store != nullptr) {
      next_.n++;
      next_.epoch = std::max<uint64_t>(epoch_, 1);
      next_.size = tree_.size();
      next_.note = sign_checkpoint({signer.name, tree_.head(), {}}, signer).to_text();
      status = store->append(next_);
    }
    next_.leaves.clear();
    next_.nodes.clear();
    return status;
  }

  TileReader& tiles_;
  const Goal goal_;
  LogTree tree_;
  uint64_t epoch_;
  LogAppend next_;
};

}  // namespace

absl::StatusOr<std::optional<Checkpoint>> read_published(Publication& publication,
                                                         const VerifierKey& key) {
  const auto note = publication.read_checkpoint();
  if (!note.ok()) return note.status();
  if (!*note) return std::optional<Checkpoint>();
  const auto opened = open_checkpoint(**note, key.name, {key});
  if (opened.ok()) return std::optional<Checkpoint>(opened->checkpoint);
  return absl::DataLossError(absl::StrCat("the checkpoint in publish_dir is not of this log: ",
                                          opened.status().message()));
}

absl::Status check_extends(SealStore& store, const LogTail& tail, const TreeHead& signed_before) {
  if (tail.tree.size() < signed_before.size)
    return absl::OutOfRangeError(absl::StrCat("the database is behind what was signed: it has ",
                                              tail.tree.size(), " leaves, and ", signed_before.size,
                                              " were signed"));
  const auto root = tree_root(store.nodes(), signed_before.size);
  if (!root.ok()) return root.status();
  if (*root == signed_before.root) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the database holds another tree than the checkpoint of ", signed_before.size,
                   " leaves that was signed"));
}

absl::StatusOr<LogTail> read_tail(SealStore& store, Publication& publication,
                                  const VerifierKey& key) {
  const auto published = read_published(publication, key);
  if (!published.ok()) return published.status();
  const auto stored = store.read_log();
  if (!stored.ok()) return stored.status();
  const auto newest = newest_head(*stored, key);
  if (!newest.ok()) return newest.status();
  if (*published && (*published)->tree.size > std::min(stored->size, newest->size))
    return absl::OutOfRangeError(absl::StrCat("the database is behind what was published: it has ",
                                              std::min(stored->size, newest->size), " leaves, and ",
                                              (*published)->tree.size, " were published"));
  if (stored->size != newest->size)
    return absl::DataLossError(absl::StrCat("the database has ", stored->size,
                                            " leaves, and its newest checkpoint ", newest->size));
  auto tree = LogTree::read(store.nodes(), newest->size);
  if (!tree.ok()) return tree.status();
  if (tree->head() != *newest)
    return absl::DataLossError("the stored leaves are not those of the newest checkpoint");
  if (*published)
    if (absl::Status status = check_published(store, **published); !status.ok()) return status;
  return LogTail{*std::move(tree), stored->newest ? stored->newest->n : 0, stored->epoch,
                 stored->newest ? stored->newest->at_ns : 0};
}

absl::Status restore_published(SealStore& store, Publication& publication,
                               const NoteSigner& signer) {
  const auto published = read_published(publication, signer.verifier_key());
  if (!published.ok()) return published.status();
  if (!*published) return not_restorable("there is no published checkpoint");
  const auto stored = store.read_log();
  if (!stored.ok()) return stored.status();
  const auto newest = newest_head(*stored, signer.verifier_key());
  if (!newest.ok()) return newest.status();
  const auto tree = LogTree::read(store.nodes(), stored->size);
  if (!tree.ok()) return tree.status();
  const Restoration::Goal goal{*stored, newest->size, **published};
  Restoration verification(publication.tiles(), goal, *tree);
  if (absl::Status status = verification.run(nullptr, signer); !status.ok()) return status;
  return Restoration(publication.tiles(), goal, *tree).run(&store, signer);
}

}  // namespace gatetape::auditd
