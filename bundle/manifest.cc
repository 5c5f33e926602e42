#include "bundle/manifest.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "bundle/archive.h"
#include "bundle/member_name.h"
#include "log/fields.h"

namespace gatetape {
namespace {

constexpr char kFirstLine[] = "gatetape bundle v1";
constexpr std::string_view kLeftOut = "left-out ";
constexpr std::string_view kMember = "member ";
constexpr uint64_t kKindMax = 0x7fff;

absl::Status malformed(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the manifest is malformed: ", printable(what)));
}

// value_of reads a line `NAME VALUE` and returns the value.
std::string_view value_of(FieldReader& reader, std::string_view name) {
  const std::string_view line = reader.field();
  reader.fail(!line.starts_with(name) || !line.substr(name.size()).starts_with(' '));
  return reader.ok() ? line.substr(name.size() + 1) : std::string_view{};
}

uint64_t number_of(FieldReader& reader, std::string_view name, uint64_t least) {
  uint64_t number = 0;
  reader.fail(!parse_decimal(value_of(reader, name), &number) || number < least);
  return number;
}

// next_is returns true when the next line begins with `word`.
bool next_is(const FieldReader& reader, std::string_view word) {
  return reader.rest().starts_with(word);
}

void read_left_out(FieldReader& reader, Manifest* manifest) {
  const std::string words = std::string(value_of(reader, "left-out")) + " ";
  FieldReader fields(words, ' ');
  const uint64_t kind = fields.number(), frames = fields.number(1), bytes = fields.number();
  const bool is_sorted = manifest->left_out.empty() || manifest->left_out.back().kind < kind;
  reader.fail(!fields.at_end() || kind > kKindMax || !is_sorted);
  manifest->left_out.push_back({static_cast<uint16_t>(kind), frames, bytes});
}

void read_member(FieldReader& reader, Manifest* manifest) {
  const std::string words = std::string(value_of(reader, "member")) + " ";
  FieldReader fields(words, ' ');
  Member member;
  reader.fail(!to_hash(fields.hex(sizeof(Hash)), &member.sha256));
  member.size = fields.number();
  member.name = fields.field();
  reader.fail(!fields.at_end() || member.size > kArchiveMemberBytesMax);
  manifest->members.push_back(std::move(member));
}

// order_problem returns the first name that is unknown or not in its place, or nothing.
std::optional<std::string> order_problem(const std::vector<Member>& members) {
  std::optional<MemberName> before;
  for (const Member& member : members) {
    const auto name = MemberName::parse(member.name);
    if (!name || (before && !(*before < *name))) return member.name;
    before = name;
  }
  return std::nullopt;
}

}  // namespace

std::string Member::to_line() const {
  return absl::StrCat("member ", to_hex(view(sha256)), " ", size, " ", name, "\n");
}

const Member* Manifest::find(std::string_view name) const {
  const auto is_it = [name](const Member& member) { return member.name == name; };
  const auto at = std::find_if(members.begin(), members.end(), is_it);
  return at == members.end() ? nullptr : &*at;
}

std::string Manifest::to_text() const {
  CHECK(frames > 0, session.to_text());
  std::string text =
      absl::StrCat(kFirstLine, "\nsession ", session.to_text(), "\nformat ",
                   static_cast<int>(version), "\ncreated ", created_ns, "\nframes ", frames, "\n");
  for (const LeftOut& kind : left_out)
    absl::StrAppend(&text, "left-out ", kind.kind, " ", kind.frames, " ", kind.bytes, "\n");
  for (const Member& member : members) text += member.to_line();
  CHECK(!order_problem(members), *order_problem(members));
  absl::StrAppend(&text, "manifest ", to_hex(view(sha256(text))), "\n");
  CHECK(text.size() <= kManifestBytesMax, text.size());
  return text;
}

absl::StatusOr<Manifest> Manifest::parse(std::string_view text) {
  FieldReader reader(text);
  Manifest manifest;
  reader.expect(kFirstLine);
  const std::string_view id = value_of(reader, "session");
  const auto session = SessionId::from_text(id);
  reader.fail(!session.ok() || session->to_text() != id);
  const uint64_t version = number_of(reader, "format", 1);
  manifest.created_ns = number_of(reader, "created", 0);
  manifest.frames = number_of(reader, "frames", 1);
  reader.fail(version > static_cast<uint64_t>(kFormatVersion));
  while (next_is(reader, kLeftOut)) read_left_out(reader, &manifest);
  while (next_is(reader, kMember)) read_member(reader, &manifest);
  const size_t hashed = text.size() - reader.rest().size();
  const Hash own = sha256(text.substr(0, hashed));
  reader.fail(value_of(reader, "manifest") != to_hex(view(own)));
  if (!reader.at_end()) return malformed("a line is not of its form");
  manifest.session = *session;
  manifest.version = static_cast<FormatVersion>(version);
  if (const auto name = order_problem(manifest.members))
    return malformed(absl::StrCat("the member ", *name, " is unknown or not in its place"));
  for (const char* name : {"frames", "frame_keys", "checkpoint"})
    if (manifest.find(name) == nullptr) return malformed(absl::StrCat("it lists no ", name));
  return manifest;
}

}  // namespace gatetape
