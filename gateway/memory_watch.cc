#include "gateway/memory_watch.h"

#include <algorithm>

#include "base/os/daemon.h"
#include "base/os/memory.h"

namespace gatetape::gateway {
namespace {

// Time between two looks at the heap for unused memory, in nanoseconds.
constexpr int64_t kTrimNs = 5'000'000'000;
// Unused memory in bytes below which it is kept, because fresh pages cost page faults. It is a
// tenth of the process when that is more.
constexpr uint64_t kUnusedBytesMax = uint64_t{8} << 20;

}  // namespace

void MemoryWatch::on_tick(int64_t mono_ns) { log_change(budget_.sample(trimmed_bytes(mono_ns))); }

// trimmed_bytes returns the size of the process, after it has returned unused memory to the system.
uint64_t MemoryWatch::trimmed_bytes(int64_t mono_ns) {
  const uint64_t bytes = resident_bytes();
  if (mono_ns < next_trim_ns_) return bytes;
  next_trim_ns_ = mono_ns + kTrimNs;
  if (unused_bytes(bytes) < std::max(kUnusedBytesMax, bytes / 10)) return bytes;
  free_unused_memory();
  return resident_bytes();
}

void MemoryWatch::log_change(MemoryBudget::Pressure now) {
  using Pressure = MemoryBudget::Pressure;
  const bool was_high = logged_ != Pressure::kNone;
  const bool is_high = now != Pressure::kNone;
  const LogFields fields = {{"resident_bytes", std::to_string(budget_.process_bytes())},
                            {"channel_bytes", std::to_string(budget_.channel_bytes())},
                            {"memory_max", std::to_string(budget_.bytes_max())}};
  if (is_high && !was_high) log_warn("memory_is_short", fields);
  if (now == Pressure::kFull && logged_ != now) log_error("channels_are_denied", fields);
  if (was_high && !is_high) log_info("memory_suffices", fields);
  logged_ = now;
}

}  // namespace gatetape::gateway
