// MemberName: the name of a member of a bundle, and its place among the others (docs/FORMAT.md
// section 10.1). Pure; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatetape {

inline constexpr char kEntriesFolder[] = "entries/";
inline constexpr char kLinesFolder[] = "lines/";
inline constexpr char kViewsFolder[] = "views/";

// MemberName is compared by the order of the members in a file.
struct MemberName {
  enum class Class { kFrames, kFrameKeys, kHead, kCheckpoint, kEntry, kOpen, kLive, kClose, kView };
  Class kind = Class::kFrames;
  uint64_t leaf_index = 0;  // of an entry
  std::string view;         // name of a view below its folder

  // parse returns nothing for a name that no member except the manifest has.
  static std::optional<MemberName> parse(std::string_view name);
  auto operator<=>(const MemberName&) const = default;
};

}  // namespace gatetape
