#include "bundle/member_name.h"

#include <algorithm>

#include "log/fields.h"

namespace gatetape {
namespace {

constexpr size_t kViewNameBytesMax = 80;

bool is_view_name(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kViewNameBytesMax && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), is_allowed);
}

struct FixedName {
  std::string_view name;
  MemberName::Class kind;
};
constexpr FixedName kFixedNames[] = {
    {"frames", MemberName::Class::kFrames},     {"frame_keys", MemberName::Class::kFrameKeys},
    {"head", MemberName::Class::kHead},         {"checkpoint", MemberName::Class::kCheckpoint},
    {"lines/open", MemberName::Class::kOpen},   {"lines/live", MemberName::Class::kLive},
    {"lines/close", MemberName::Class::kClose},
};

}  // namespace

std::optional<MemberName> MemberName::parse(std::string_view name) {
  for (const FixedName& fixed : kFixedNames)
    if (fixed.name == name) return MemberName{fixed.kind, 0, ""};
  constexpr std::string_view kEntries = kEntriesFolder, kViews = kViewsFolder;
  MemberName parsed;
  if (name.starts_with(kEntries) && parse_decimal(name.substr(kEntries.size()), &parsed.leaf_index))
    return MemberName{Class::kEntry, parsed.leaf_index, ""};
  if (name.starts_with(kViews) && is_view_name(name.substr(kViews.size())))
    return MemberName{Class::kView, 0, std::string(name.substr(kViews.size()))};
  return std::nullopt;
}

}  // namespace gatetape
