#include "bundle/open.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "bundle/archive.h"
#include "bundle/member_name.h"

namespace gatetape {
namespace {

// Largest head, entry or line, in bytes: more than 63 hashes and the rest of them need.
constexpr uint64_t kTextBytesMax = 8192;
constexpr std::string_view kAgeFirstLine = "age-encryption.org/v1\n";

absl::Status malformed(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::Status malformed(const std::string& name, const absl::Status& status) {
  return malformed(absl::StrCat(name, ": ", absl::string_view(status.message())));
}

bool is_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

// Opener reads the file from its beginning to its end.
class Opener {
 public:
  explicit Opener(const ReadAt& source) : source_(source) {}

  absl::StatusOr<OpenedBundle> open() {
    for (const auto step : {&Opener::read_manifest, &Opener::find_members, &Opener::read_statements,
                            &Opener::check_lines, &Opener::read_frame_members, &Opener::hash_views})
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    return std::move(bundle_);
  }

 private:
  absl::Status read_manifest() {
    uint64_t size = 0;
    const auto header = source_.read_at(0, kArchiveBlockBytes);
    if (!header.ok()) return header.status();
    if (header->starts_with(kAgeFirstLine))
      return malformed("the file is encrypted for a recipient: decrypt it with `age -d` first");
    if (!parse_archive_size(*header, kManifestName, &size) || size > kManifestBytesMax)
      return malformed("the file does not begin with the MANIFEST of a bundle");
    const auto text = source_.read_at(kArchiveBlockBytes, static_cast<size_t>(size));
    if (!text.ok()) return text.status();
    auto manifest = Manifest::parse(*text);
    if (!manifest.ok()) return manifest.status();
    bundle_.manifest = *std::move(manifest);
    end_ = kArchiveBlockBytes + size;
    return skip_padding(size);
  }

  // skip_padding checks the zero bytes after a content of `size` bytes, which ends at end_.
  absl::Status skip_padding(uint64_t size) {
    const auto padding = source_.read_at(end_, static_cast<size_t>(archive_padding(size)));
    if (!padding.ok()) return padding.status();
    end_ += padding->size();
    return is_zero(*padding) ? absl::OkStatus() : malformed("the padding of a member is not zero");
  }

  absl::Status find_members() {
    for (const Member& member : bundle_.manifest.members) {
      const auto header = source_.read_at(end_, kArchiveBlockBytes);
      if (!header.ok()) return header.status();
      if (*header != archive_header(member.name, member.size))
        return malformed(absl::StrCat("the header of the member ", member.name,
                                      " is not where and as the manifest says"));
      bundle_.places.push_back({member, end_ + kArchiveBlockBytes});
      end_ += kArchiveBlockBytes + member.size;
      if (end_ > source_.size()) return absl::OutOfRangeError("");
      if (absl::Status status = skip_padding(member.size); !status.ok()) return status;
    }
    const auto end = source_.read_at(end_, kArchiveEndBytes);
    if (!end.ok()) return end.status();
    if (!is_zero(*end) || source_.size() != end_ + kArchiveEndBytes)
      return malformed("the file does not end with two blocks of zero bytes");
    return absl::OkStatus();
  }

  absl::Status read_statements() {
    for (const MemberPlace& place : bundle_.places) {
      const MemberName name = *MemberName::parse(place.member.name);
      using Class = MemberName::Class;
      if (name.kind < Class::kHead || name.kind > Class::kClose) continue;
      const auto text = read_text(place, name.kind == Class::kCheckpoint);
      if (!text.ok()) return text.status();
      absl::Status status = name.kind == Class::kHead         ? read_head(*text)
                            : name.kind == Class::kCheckpoint ? read_checkpoint(*text)
                            : name.kind == Class::kEntry      ? read_entry(name.leaf_index, *text)
                                                              : read_line(place.member.name, *text);
      if (!status.ok()) return malformed(place.member.name, status);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> read_text(const MemberPlace& place, bool is_checkpoint) {
    if (place.member.size > (is_checkpoint ? kNoteBytesMax : kTextBytesMax))
      return malformed(place.member.name + " is too long");
    auto text = source_.read_at(place.offset, static_cast<size_t>(place.member.size));
    if (text.ok() && sha256(*text) != place.member.sha256) return other_hash(place.member);
    return text;
  }

  static absl::Status other_hash(const Member& member) {
    return malformed(member.name + " has another hash than the manifest says");
  }

  absl::Status read_head(std::string_view text) {
    auto head = SignedHead::parse(text);
    if (!head.ok()) return head.status();
    if (head->head.session != bundle_.manifest.session)
      return malformed("it is of another session");
    bundle_.head = *std::move(head);
    return absl::OkStatus();
  }

  absl::Status read_checkpoint(std::string_view text) {
    auto note = SignedNote::parse(text);
    if (!note.ok()) return note.status();
    auto checkpoint = Checkpoint::parse(note->text);
    if (!checkpoint.ok()) return checkpoint.status();
    bundle_.note = *std::move(note);
    bundle_.checkpoint = *std::move(checkpoint);
    return absl::OkStatus();
  }

  absl::Status read_entry(uint64_t index, std::string_view text) {
    auto entry = BundleEntry::parse(index, text);
    if (!entry.ok()) return entry.status();
    bundle_.entries.push_back(*std::move(entry));
    return absl::OkStatus();
  }

  absl::Status read_line(std::string_view name, std::string_view text) {
    auto line = BundleLine::parse(text);
    if (!line.ok()) return line.status();
    if (line->line.session != bundle_.manifest.session)
      return malformed("it is of another session");
    if (name != line->member_name())
      return malformed("its last word is not the name of the member");
    bundle_.lines.push_back(*std::move(line));
    return absl::OkStatus();
  }

  absl::Status check_lines() {
    for (const BundleLine& line : bundle_.lines) {
      const auto is_it = [&line](const BundleEntry& entry) {
        return entry.index == line.leaf_index && entry.heads() != nullptr;
      };
      if (std::none_of(bundle_.entries.begin(), bundle_.entries.end(), is_it))
        return malformed(absl::StrCat("the heads list with the leaf index ", line.leaf_index,
                                      " is not in the bundle"));
    }
    return absl::OkStatus();
  }

  const MemberPlace& place(std::string_view name) const {
    const auto is_it = [name](const MemberPlace& at) { return at.member.name == name; };
    const auto found = std::find_if(bundle_.places.begin(), bundle_.places.end(), is_it);
    CHECK(found != bundle_.places.end(), name);
    return *found;
  }

  absl::Status read_frame_members() {
    std::vector<uint64_t> sizes;
    if (bundle_.head) sizes.push_back(bundle_.head->head.size);
    for (const BundleLine& line : bundle_.lines) sizes.push_back(line.line.head.size);
    const MemberPlace &frames_at = place("frames"), &keys_at = place("frame_keys");
    MemberReader frames(source_, frames_at.offset, frames_at.member.size);
    MemberReader keys(source_, keys_at.offset, keys_at.member.size);
    auto facts = read_frames(bundle_.manifest, frames, keys, sizes);
    if (!facts.ok()) return facts.status();
    bundle_.frames = *std::move(facts);
    if (absl::Status status = check_hash(frames_at, frames); !status.ok()) return status;
    return check_hash(keys_at, keys);
  }

  static absl::Status check_hash(const MemberPlace& place, MemberReader& reader) {
    const auto hash = reader.finish();
    if (!hash.ok()) return hash.status();
    return *hash == place.member.sha256 ? absl::OkStatus() : other_hash(place.member);
  }

  absl::Status hash_views() {
    for (const MemberPlace& at : bundle_.places) {
      if (MemberName::parse(at.member.name)->kind != MemberName::Class::kView) continue;
      MemberReader reader(source_, at.offset, at.member.size);
      if (absl::Status status = check_hash(at, reader); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  const ReadAt& source_;
  OpenedBundle bundle_;
  uint64_t end_ = 0;  // of what was read of the archive
};

}  // namespace

const BundleLine* OpenedBundle::line(HeadsLine::State state) const {
  const auto is_it = [state](const BundleLine& line) { return line.line.state == state; };
  const auto found = std::find_if(lines.begin(), lines.end(), is_it);
  return found == lines.end() ? nullptr : &*found;
}

const BundleEntry& OpenedBundle::entry(const BundleLine& line) const {
  const auto is_it = [&line](const BundleEntry& entry) { return entry.index == line.leaf_index; };
  const auto found = std::find_if(entries.begin(), entries.end(), is_it);
  CHECK(found != entries.end(), line.leaf_index);
  return *found;
}

absl::StatusOr<OpenedBundle> open_bundle(const ReadAt& source) {
  auto bundle = Opener(source).open();
  if (absl::IsOutOfRange(bundle.status()))
    return malformed("the file ends before the end of the bundle");
  return bundle;
}

}  // namespace gatetape
