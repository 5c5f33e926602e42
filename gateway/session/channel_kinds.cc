#include "gateway/session/channel_kinds.h"

#include <array>

namespace gatetape::gateway {
namespace {

constexpr std::string_view kNoForwarding = "only session channels pass, forwarding does not";

constexpr std::array<ChannelKind, 3> kKinds = {{
    {.type = "session",
     .name = "session",
     .opens = Opens::kOnTarget,
     .request_denial = denial_of,
     .starts_program = starts_program,
     .tells_denial = tells_denial,
     .right_of = right_of,
     .at_eof = Ending::kPassesOn,
     .at_close = Ending::kPassesOn},
    {.type = "direct-tcpip", .name = "direct-tcpip", .open_denial = kNoForwarding},
    {.type = "", .name = "other", .open_denial = kNoForwarding},
}};

}  // namespace

const ChannelKind& channel_kind(std::string_view type) {
  for (const ChannelKind& kind : kKinds)
    if (kind.type == type) return kind;
  return kKinds.back();
}

}  // namespace gatetape::gateway
