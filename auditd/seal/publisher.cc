#include "auditd/seal/publisher.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "auditd/seal/files.h"
#include "log/checkpoint.h"

namespace gatetape::auditd {
namespace {

constexpr char kCheckpoint[] = "/checkpoint";
constexpr char kCheckpoints[] = "/checkpoints";
constexpr char kAcceptance[] = "/accept";

// bundle_of returns the content of a bundle. The entries come from the database, whose superuser
// may have changed them.
absl::StatusOr<std::string> bundle_of(SealStore& store, const TileName& name) {
  const uint64_t first = name.index * kTileWidth;
  const auto leaves = store.read_leaves(first, name.width);
  if (!leaves.ok()) return leaves.status();
  std::vector<std::string> entries;
  for (const LogLeaf& leaf : *leaves) {
    if (leaf.index != first + entries.size() || leaf.leaf != view(merkle_leaf(leaf.entry))) break;
    entries.push_back(leaf.entry);
  }
  if (entries.size() == name.width) return make_bundle(entries);
  return absl::DataLossError(absl::StrCat("the stored leaf ", first + entries.size(),
                                          " is missing, or its entry was changed"));
}

bool is_same(const SealedCheckpoint& a, const SealedCheckpoint& b) {
  return a.n == b.n && a.note.text == b.note.text;
}

}  // namespace

absl::StatusOr<std::string> Publisher::FolderTiles::read(const TileName& name) {
  auto bytes = read_if_there(folder_ + "/" + name.path());
  if (!bytes.ok()) return bytes.status();
  if (*bytes) return **std::move(bytes);
  return absl::NotFoundError(absl::StrCat(folder_, "/", name.path(), " is missing"));
}

absl::StatusOr<std::optional<std::string>> Publisher::read_checkpoint() {
  return read_if_there(folder_ + kCheckpoint);
}

absl::StatusOr<std::optional<std::string>> Publisher::read_acceptance() {
  auto text = read_if_there(folder_ + kAcceptance);
  if (text.ok() && *text) *text = std::string(absl::StripSuffix(**text, "\n"));
  return text;
}

absl::Status Publisher::remove_acceptance() { return remove_file(folder_ + kAcceptance); }

absl::StatusOr<uint64_t> Publisher::published_size() {
  const auto bytes = read_checkpoint();
  if (!bytes.ok()) return bytes.status();
  if (!*bytes) return uint64_t{0};
  const auto note = SignedNote::parse(**bytes);
  if (!note.ok()) return note.status();
  const auto checkpoint = Checkpoint::parse(note->text);
  if (!checkpoint.ok()) return checkpoint.status();
  return checkpoint->tree.size;
}

absl::StatusOr<bool> Publisher::publish(SealStore& store, const SealedCheckpoint& newest) {
  if (is_same(published_, newest)) return true;
  if (!job_)
    if (absl::Status status = begin(newest); !status.ok()) return status;
  if (absl::Status status = write_files(store); !status.ok()) return status;
  if (job_->written < job_->files.size()) return false;
  // Cosignatures of the same tree may have come meanwhile.
  if (job_->checkpoint.tree.size == newest.tree.size) job_->checkpoint = newest;
  if (absl::Status status = finish(); !status.ok()) return status;
  return is_same(published_, newest);
}

absl::Status Publisher::begin(const SealedCheckpoint& newest) {
  if (absl::Status status = make_folders({folder_, ""}); !status.ok()) return status;
  const absl::StatusOr<uint64_t> old_size = published_size();
  if (!old_size.ok()) return old_size.status();
  if (*old_size > newest.tree.size)
    return absl::FailedPreconditionError(absl::StrCat("another process has published ", *old_size,
                                                      " leaves, and the log has ",
                                                      newest.tree.size));
  job_ = Job{newest, new_tiles(*old_size, newest.tree.size), 0};
  return absl::OkStatus();
}

absl::Status Publisher::write_files(SealStore& store) {
  std::set<std::string> folders;
  const size_t end = std::min(job_->files.size(), job_->written + files_at_once_);
  for (; job_->written < end; job_->written++) {
    const TileName& name = job_->files[job_->written];
    if (absl::Status status = write_tile(store, name); !status.ok()) return status;
    folders.insert(std::filesystem::path(folder_ + "/" + name.path()).parent_path().string());
  }
  for (const std::string& folder : folders)
    if (absl::Status status = sync_folder(folder); !status.ok()) return status;
  return absl::OkStatus();
}

absl::Status Publisher::write_tile(SealStore& store, const TileName& name) {
  const auto content = name.is_bundle ? bundle_of(store, name) : make_tile(store.nodes(), name);
  if (!content.ok()) return content.status();
  const std::string path = name.path();
  const absl::Status made = make_folders({folder_, path.substr(0, path.rfind('/'))});
  return made.ok() ? write_public({folder_ + "/" + path, *content}) : made;
}

absl::Status Publisher::finish() {
  const std::string note = job_->checkpoint.note.to_text();
  if (absl::Status status = append_public({folder_ + kCheckpoints, note}); !status.ok())
    return status;
  if (absl::Status status = write_public({folder_ + kCheckpoint, note}); !status.ok())
    return status;
  if (absl::Status status = sync_folder(folder_); !status.ok()) return status;
  remove_superseded();
  published_ = std::move(job_->checkpoint);
  job_.reset();
  return absl::OkStatus();
}

// A partial tile stays until the tile after it is full, so that whoever reads an older checkpoint
// still finds it. A log that gets one entry per second would otherwise leave 170,000 files per day.
void Publisher::remove_superseded() const {
  for (TileName name : job_->files) {
    if (name.width != kTileWidth || name.index == 0) continue;
    name.index--;
    std::error_code error;  // nobody misses it
    std::filesystem::remove_all(folder_ + "/" + name.path() + ".p", error);
  }
}

}  // namespace gatetape::auditd
