#include "client/screen_size.h"

#include "client/frame_role.h"
#include "formats/ssh_request.h"

namespace gatetape::client {
namespace {

// Players allocate columns times rows, so that a larger size counts as none.
constexpr unsigned kSideMax = 10'000;

bool is_side(uint32_t length) { return length > 0 && length <= kSideMax; }

}  // namespace

std::optional<ScreenSize> screen_size_of(FrameKind kind, const Event& event) {
  if (role_of(kind) != FrameRole::kRequest) return std::nullopt;
  const auto request = parse_ssh_request(event.get("request"), event.get("data"));
  if (!request.ok() || !is_side(request->columns) || !is_side(request->rows)) return std::nullopt;
  return ScreenSize{.columns = request->columns, .rows = request->rows};
}

std::optional<ScreenSize> screen_size_of(const Frame& frame) {
  if (role_of(frame.kind) != FrameRole::kRequest) return std::nullopt;
  const absl::StatusOr<Event> event = Event::decode(frame.payload);
  return event.ok() ? screen_size_of(frame.kind, *event) : std::nullopt;
}

}  // namespace gatetape::client
