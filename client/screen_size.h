// ScreenSize: the size of a recorded terminal, which requests for a pty and its changes announce.
// Pure; any thread.
#pragma once

#include <optional>

#include "record/event.h"
#include "record/frame.h"

namespace gatetape::client {

struct ScreenSize {
  unsigned columns = 0;
  unsigned rows = 0;
  bool operator==(const ScreenSize&) const = default;

  // fits_into returns true when a screen of this size can be shown on a screen of another size.
  bool fits_into(const ScreenSize& other) const {
    return columns <= other.columns && rows <= other.rows;
  }
};

// screen_size_of returns the size that a request of the user announces. It returns nothing for
// other frames, and for sizes that no screen has.
std::optional<ScreenSize> screen_size_of(FrameKind kind, const Event& event);
std::optional<ScreenSize> screen_size_of(const Frame& frame);

}  // namespace gatetape::client
