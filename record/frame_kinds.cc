#include "record/frame_kinds.h"

namespace gatetape {
namespace {

// Facts is what every kind has; the name is empty for a number that is no kind.
struct Facts {
  std::string_view name = {};
  FrameClass frame_class = FrameClass::kSystem;
  Route route = Route::kNobody;
  std::string_view searched = {};
  bool is_written = false;
};

constexpr Facts facts_of(FrameKind kind) {
  using enum FrameClass;
  using enum Route;
  switch (kind) {
#define FACTS(id, name, frame_class, route, searched, is_written) \
  case FrameKind::id:                                             \
    return {name, frame_class, route, searched, is_written};
#define KIND(id, number, ...) FACTS(id, __VA_ARGS__, true)
#define RESERVED(id, number, ...) FACTS(id, __VA_ARGS__, false)
#include "record/frame_kinds.def"
#undef KIND
#undef RESERVED
#undef FACTS
  }
  return {};
}

constexpr Facts facts_of_number(uint32_t kind) {
  return kind <= UINT16_MAX ? facts_of(static_cast<FrameKind>(kind)) : Facts{};
}

}  // namespace

bool is_known(uint32_t kind) { return !facts_of_number(kind).name.empty(); }

bool is_written(uint32_t kind) { return facts_of_number(kind).is_written; }

std::string kind_name(FrameKind kind) {
  const std::string_view name = facts_of(kind).name;
  return name.empty() ? "kind " + std::to_string(static_cast<uint16_t>(kind)) : std::string(name);
}

std::string_view searched_fields(FrameKind kind) { return facts_of(kind).searched; }

FrameClass class_of(FrameKind kind) { return facts_of(kind).frame_class; }

Route route_of(FrameKind kind) { return facts_of(kind).route; }

}  // namespace gatetape
