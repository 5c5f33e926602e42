#include "gateway/session/refusal_windows.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace gatetape::gateway {
namespace {

// amount returns how much a refusal counts.
uint64_t amount(const Event& event) { return std::max<uint64_t>(event.get_number("count"), 1); }

}  // namespace

Event RefusalWindows::Counted::to_event() const {
  Event merged;
  for (const auto& [name, value] : event.fields()) {
    const bool is_of_one = key.second.empty() && name == "source";
    if (name != "count") merged.add(name, is_of_one ? "" : value);
  }
  merged.add_number("count", count);
  if (key.first == FrameKind::kAuthAttempt) merged.add("first_at", std::to_string(first_at_ns));
  return merged;
}

RefusalWindows::Window& RefusalWindows::window_of(const Key& key, int64_t mono_ns) {
  const auto [it, is_new] = windows_.try_emplace(key);
  CHECK(is_new || it->second.counted.key == key, key.second);
  if (!is_new) return it->second;
  it->second.began_ns = mono_ns;
  it->second.counted.key = key;
  return it->second;
}

RefusalWindows::Noted RefusalWindows::note(FrameKind kind, const std::string& address,
                                           const Event& event, const Time& now) {
  Key key{kind, address};
  if (windows_.size() >= kAddressesMax && !windows_.contains(key)) key.second.clear();
  Window& window = window_of(key, now.mono_ns);
  CHECK(windows_.size() <= kAddressesMax + 2, windows_.size());  // those without an address too
  if (++window.refusals <= kFramesMax) return {.verdict = Verdict::kRecord, .key = key};
  Counted& counted = window.counted;
  if (counted.count == 0) counted.first_at_ns = now.wall_ns;
  counted.count += amount(event);
  counted.event = event;
  if (window.refusals <= kUndelayedMax || key.second.empty())
    return {.verdict = Verdict::kCount, .key = key};
  return {.verdict = Verdict::kDelay,
          .key = key,
          .first_delayed = window.refusals == kUndelayedMax + 1};
}

std::vector<RefusalWindows::Counted> RefusalWindows::end_windows(int64_t mono_ns, bool all) {
  std::vector<Counted> ended;
  for (auto it = windows_.begin(); it != windows_.end();) {
    Window& window = it->second;
    if (!all && mono_ns - window.began_ns < kPeriodNs) {
      it++;
      continue;
    }
    if (window.counted.count > 0) ended.push_back(std::move(window.counted));
    it = windows_.erase(it);
  }
  CHECK(!all || windows_.empty(), windows_.size());
  return ended;
}

// Its place in the list of addresses may be gone; then it is counted without an address.
void RefusalWindows::put_back(const Counted& counted, int64_t mono_ns) {
  CHECK(counted.count > 0, counted.key.second);
  Key key = counted.key;
  if (windows_.size() >= kAddressesMax && !windows_.contains(key)) key.second.clear();
  Counted& there = window_of(key, mono_ns).counted;
  if (there.count == 0) there.event = counted.event;
  there.first_at_ns =
      there.count == 0 ? counted.first_at_ns : std::min(there.first_at_ns, counted.first_at_ns);
  there.count += counted.count;
  CHECK(windows_.size() <= kAddressesMax + 2, windows_.size());  // as in note
}

}  // namespace gatetape::gateway
