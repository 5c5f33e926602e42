// LeftOut: how many payloads of a kind are absent in a bundle (docs/FORMAT.md section 10.2). Pure;
// one thread.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "record/frame.h"

namespace gatetape {

// LeftOut counts the frames of one kind whose payloads are absent.
struct LeftOut {
  uint16_t kind = 0;
  uint64_t frames = 0;
  uint64_t bytes = 0;  // of the absent payloads
  bool operator==(const LeftOut&) const = default;
};

class LeftOutCounts {
 public:
  // add counts a frame when its payload is absent.
  void add(const Frame& frame) {
    if (!frame.absent) return;
    const auto kind = static_cast<uint16_t>(frame.kind);
    LeftOut& counted = counts_[kind];
    counted = {kind, counted.frames + 1, counted.bytes + frame.absent->bytes};
  }
  // all returns the counts by ascending kind.
  std::vector<LeftOut> all() const {
    std::vector<LeftOut> counts;
    for (const auto& [kind, counted] : counts_) counts.push_back(counted);
    return counts;
  }

 private:
  std::map<uint16_t, LeftOut> counts_;
};

}  // namespace gatetape
