// html_player makes the HTML page in which a bundle shows a session. The page is one file that a
// browser opens from disk, without a network. Its template is player.html, which client/player/
// builds from npm's asciinema-player. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "record/frame.h"

namespace gatetape::client {

// PlayerEvent is one line of the page's list of events.
struct PlayerEvent {
  uint64_t offset_ns = 0;
  std::string text;
};

// PlayerPage is what one page shows. All texts are bytes of users and targets, and may be hostile.
struct PlayerPage {
  std::string session_id{};  // 36 characters
  std::string user{};
  std::string login{};
  std::string target{};
  std::string source{};  // the client's address:port
  int64_t started_at_unix_ns = 0;
  int64_t ended_at_unix_ns = 0;  // 0 = the session has not ended
  std::vector<PlayerEvent> events{};
  std::string cast{};  // what CastWriter wrote
  std::string text{};  // what TextFilter returned for the same channel
};

// add_player_event appends the sentence that describes a frame, for people who do not know SSH. It
// appends nothing for a frame that only continues what an earlier one began: bytes, a reply, an end
// of a stream.
void add_player_event(const Frame& frame, std::vector<PlayerEvent>* events);

// html_player returns the page. It fails with FAILED_PRECONDITION when the template is not the file
// that this version of gatetape installs.
absl::StatusOr<std::string> html_player(std::string_view html_template, const PlayerPage& page);

}  // namespace gatetape::client
