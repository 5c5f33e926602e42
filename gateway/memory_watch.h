// MemoryWatch: samples the memory of this process for the budget, logs when pressure begins and
// ends, and returns unused memory to the system after load. Runs on the first loop, which owns it.
#pragma once

#include <cstdint>
#include <string>

#include "gateway/loop.h"
#include "gateway/session/memory_budget.h"

namespace gatetape::gateway {

class MemoryWatch : public Member {
 public:
  explicit MemoryWatch(MemoryBudget& budget) : budget_(budget) {}

  void service() override {}
  void on_tick(int64_t mono_ns) override;
  bool finished() const override { return stopped_; }
  void shut_down(const std::string&) override { stopped_ = true; }

 private:
  uint64_t trimmed_bytes(int64_t mono_ns);
  void log_change(MemoryBudget::Pressure now);

  MemoryBudget& budget_;
  MemoryBudget::Pressure logged_ = MemoryBudget::Pressure::kNone;
  int64_t next_trim_ns_ = 0;
  bool stopped_ = false;
};

}  // namespace gatetape::gateway
