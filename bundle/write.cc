#include "bundle/write.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "bundle/archive.h"
#include "bundle/member_name.h"
#include "bundle/member_reader.h"

namespace gatetape {
namespace {

// Bytes of a member that are handed on at once.
constexpr size_t kPieceBytes = size_t{1} << 20;

absl::Status write_member(std::string_view name, const ReadAt& bytes, ByteSink sink) {
  if (absl::Status status = sink(archive_header(name, bytes.size())); !status.ok()) return status;
  MemberReader reader(bytes, 0, bytes.size());
  while (!reader.at_end()) {
    const auto piece = reader.peek(kPieceBytes);
    if (!piece.ok()) return piece.status();
    if (absl::Status status = sink(*piece); !status.ok()) return status;
    reader.skip(piece->size());
  }
  return sink(std::string(archive_padding(bytes.size()), '\0'));
}

absl::StatusOr<Member> member_of(const Content& content) {
  if (content.bytes->size() > kArchiveMemberBytesMax)
    return absl::OutOfRangeError(
        content.name + " is over 8 GiB: export the session in parts with --from and --to");
  const auto hash = MemberReader(*content.bytes, 0, content.bytes->size()).finish();
  if (!hash.ok()) return hash.status();
  return Member{*hash, content.bytes->size(), content.name};
}

// sort_members returns the first name that is unknown or occurs twice, or an empty text.
std::string sort_members(std::vector<Content>* contents) {
  for (const Content& content : *contents)
    if (!MemberName::parse(content.name)) return content.name;
  std::sort(contents->begin(), contents->end(), [](const Content& a, const Content& b) {
    return *MemberName::parse(a.name) < *MemberName::parse(b.name);
  });
  const auto twice =
      std::adjacent_find(contents->begin(), contents->end(),
                         [](const Content& a, const Content& b) { return a.name == b.name; });
  return twice == contents->end() ? "" : twice->name;
}

}  // namespace

absl::Status write_bundle(Manifest manifest, std::vector<Content> contents, ByteSink sink) {
  if (const std::string name = sort_members(&contents); !name.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("the member ", printable(name), " is unknown or occurs twice"));
  manifest.members.clear();
  for (const Content& content : contents) {
    auto member = member_of(content);
    if (!member.ok()) return member.status();
    manifest.members.push_back(*std::move(member));
  }
  const std::string text = manifest.to_text();
  const TextSource first(text);
  if (absl::Status status = write_member(kManifestName, first, sink); !status.ok()) return status;
  for (const Content& content : contents)
    if (absl::Status status = write_member(content.name, *content.bytes, sink); !status.ok())
      return status;
  return sink(std::string(kArchiveEndBytes, '\0'));
}

}  // namespace gatetape
