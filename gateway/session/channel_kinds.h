// The kinds of channels that a user may ask for, as a table: how each is opened, which requests
// pass on it, what its EOF and its close do. A channel of a kind that is not in the table is
// denied. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "policy/access.h"
#include "policy/channel_rules.h"

namespace gatetape::gateway {

// Opens says what happens when the user asks for a channel.
enum class Opens { kOnTarget, kNowhere };
// Ending says what happens to an EOF or a close of one side.
enum class Ending { kPassesOn, kNeverComes };

struct ChannelKind {
  std::string_view type;  // the SSH name (RFC 4254), "" for every other name
  std::string_view name;  // what the record calls it
  Opens opens = Opens::kNowhere;
  std::string_view open_denial{};  // why it opens nowhere
  // request_denial returns why a request of the user does not pass, empty when it may.
  std::string (*request_denial)(const Grant& grant, std::string_view request,
                                std::string_view data) = nullptr;
  // starts_program returns true for a request that runs the channel's one program.
  bool (*starts_program)(std::string_view request) = nullptr;
  // tells_denial returns true for a request whose denial the user reads on stderr. Every other
  // denied request just fails.
  bool (*tells_denial)(std::string_view request) = nullptr;
  // right_of returns the right that the program of such a request uses.
  Right (*right_of)(std::string_view request, std::string_view data) = nullptr;
  Ending at_eof = Ending::kNeverComes;
  Ending at_close = Ending::kNeverComes;
};

// channel_kind returns the row for an SSH channel type.
const ChannelKind& channel_kind(std::string_view type);

}  // namespace gatetape::gateway
