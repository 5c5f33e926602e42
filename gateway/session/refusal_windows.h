// RefusalWindows: decides which refused logins get a frame of their own. Strangers can cause
// refused logins without end, and each frame is kept for ever: so an address gets three frames in
// 10 s, and what is refused after that is counted in one more. Pure; its owner locks it.
//
// A window of an address begins with the first refusal, and ends after kPeriodNs. Its refusals are
// recorded (the first three), then counted, and from the eleventh on also delayed to its end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "record/event.h"
#include "record/frame.h"

namespace gatetape::gateway {

class RefusalWindows {
 public:
  // Length of a window, in nanoseconds, and the frames in it before refusals are counted together.
  static constexpr int64_t kPeriodNs = 10'000'000'000;
  static constexpr uint64_t kFramesMax = 3;
  // Refusals of one address in a window. Above this limit they are answered when the window is
  // over. A person whose agent has several keys is refused a few times per login.
  static constexpr uint64_t kUndelayedMax = 10;
  // Addresses with a window. Above this limit the refusals of new addresses are counted together,
  // without an address and without a delay, so that the frames per second stay bounded.
  static constexpr size_t kAddressesMax = 128;

  enum class Verdict { kRecord, kCount, kDelay };
  // Key names a window: the kind of the frames, and an address, empty for several together.
  using Key = std::pair<FrameKind, std::string>;
  // Noted is what becomes of one refusal. `first_delayed` is true for the first one in its window
  // that is delayed.
  struct Noted {
    Verdict verdict;
    Key key;
    bool first_delayed = false;
  };
  // Counted is the frame about the refusals that were counted in one window.
  struct Counted {
    Key key;
    Event event;         // the newest refusal
    uint64_t count = 0;  // refusals, or what their own `count` adds up to
    int64_t first_at_ns = 0;
    // to_event returns the fields of the frame: `event` with `count` and `first_at`.
    Event to_event() const;
  };
  struct Time {
    int64_t mono_ns;
    int64_t wall_ns;
  };

  // note accepts one refusal of an address (an IPv4 address or an IPv6 network), with the fields
  // of its frame.
  Noted note(FrameKind kind, const std::string& address, const Event& event, const Time& now);
  // end_windows removes the windows that are over, or all of them, and returns what was counted in
  // them.
  std::vector<Counted> end_windows(int64_t mono_ns, bool all);
  // put_back counts again what could not be recorded.
  void put_back(const Counted& counted, int64_t mono_ns);

 private:
  struct Window {
    int64_t began_ns = 0;
    uint64_t refusals = 0;
    Counted counted;
  };
  Window& window_of(const Key& key, int64_t mono_ns);

  std::map<Key, Window> windows_;
};

}  // namespace gatetape::gateway
