// Player replays one channel's output on this terminal with its timing: space pauses, arrows seek,
// q quits. To go back it reads the session again from the start, so it keeps nothing in memory.
// Main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "client/audit_client.h"
#include "client/frame_feed.h"
#include "client/newlines.h"
#include "client/screen_size.h"
#include "tools/cli/pace.h"
#include "tools/cli/play_clip.h"
#include "tools/cli/play_filter.h"
#include "tools/cli/raw_terminal.h"

namespace gatetape::tools {

struct PlayerOptions {
  std::string id;
  uint32_t channel = 0;
  PaceOptions pace;
  int64_t start_ns = 0;
  bool follow = false;  // show what is recorded at once, then new output as it arrives
  std::optional<client::ScreenSize> largest_screen;  // of the recorded terminal, when it had one
};

class Player {
 public:
  // `signals` is the descriptor of ExitSignals. All arguments must outlive the player.
  Player(const PlayerOptions& options, client::AuditClient& client, const Clock& clock,
         int signals);

  // run plays to the end, to q, or to a signal, and restores the terminal.
  absl::Status run();

 private:
  enum class Event { kNone, kQuit };
  bool fit_terminal();
  void start_feed();
  bool shows(const Frame& frame);
  bool show(const Frame& frame);
  PaceMoment moment_of(const Frame& frame) const;
  // wait_for_next_ns returns when the frame at hand is due; -1 when none is at hand.
  int64_t wait_for_next_ns() const;
  Event wait(int64_t wait_ns);
  Event on_keys(const std::string& keys);
  void seek_by(int64_t delta_ns);

  const PlayerOptions& options_;
  client::AuditClient& client_;
  const Clock& clock_;
  const int signals_;
  RawTerminal terminal_;
  Pace pace_;
  client::Newlines newlines_;
  std::optional<PlayClip> clip_;  // when the output is cut to this terminal
  PlayFilter filter_;
  std::unique_ptr<client::FrameFeed> feed_;
  std::optional<Frame> next_;
};

}  // namespace gatetape::tools
