#include "gateway/session/memory_budget.h"

#include <algorithm>

#include "base/check.h"

namespace gatetape::gateway {
namespace {

// Limits in percent of the budget (see the header).
constexpr uint64_t kHighPercent = 80;
constexpr uint64_t kHighEndsPercent = 75;
constexpr uint64_t kFullPercent = 95;
constexpr uint64_t kFullEndsPercent = 90;
// The part of the budget that all users together may fill by growing. The rest is for what is not
// counted: the program itself, frames that wait for the recorder, and the space between the blocks
// of the heap.
constexpr uint64_t kSharedPercent = 50;
// Accounts that are gone are removed from the map when it has this many entries.
constexpr size_t kAccountsToSweep = 64;

}  // namespace

MemoryBudget::MemoryBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {
  CHECK(bytes_max_ >= 100, bytes_max_);
}

std::shared_ptr<MemoryBudget::Account> MemoryBudget::account(const std::string& user) {
  const absl::MutexLock lock(&mutex_);
  if (accounts_.size() >= kAccountsToSweep)
    std::erase_if(accounts_, [](const auto& known) { return known.second.expired(); });
  std::weak_ptr<Account>& known = accounts_[user];
  std::shared_ptr<Account> account = known.lock();
  if (account != nullptr) return account;
  account = std::make_shared<Account>(*this);
  known = account;
  return account;
}

MemoryBudget::Pressure MemoryBudget::pressure_of(uint64_t process_bytes) const {
  const uint64_t percent = process_bytes / (bytes_max_ / 100);
  const bool was_full = pressure_ == Pressure::kFull;
  if (percent >= (was_full ? kFullEndsPercent : kFullPercent)) return Pressure::kFull;
  const bool was_high = pressure_ != Pressure::kNone;
  return percent >= (was_high ? kHighEndsPercent : kHighPercent) ? Pressure::kHigh
                                                                 : Pressure::kNone;
}

MemoryBudget::Pressure MemoryBudget::sample(uint64_t process_bytes) {
  process_bytes_ = process_bytes;
  pressure_ = pressure_of(process_bytes);
  return pressure_;
}

MemoryBudget::Account::~Account() { CHECK(bytes_ == 0, bytes_.load()); }

void MemoryBudget::Account::update(uint64_t before, uint64_t after) {
  const uint64_t own = bytes_.fetch_add(after - before);
  const uint64_t all = budget_.channel_bytes_.fetch_add(after - before);
  CHECK(own >= before, own, before);
  CHECK(all >= before, all, before);
}

bool MemoryBudget::Account::may_grow(uint64_t bytes) const {
  if (budget_.pressure() != Pressure::kNone) return false;
  const uint64_t shared = budget_.bytes_max_ / 100 * kSharedPercent;
  return bytes_ + budget_.channel_bytes_ + bytes <= shared;
}

size_t MemoryBudget::Account::window_size(const ReceiveWindow& window,
                                          const WindowSizes& sizes) const {
  const size_t size = sizes.next(window);
  const size_t added = size - std::min(size, window.open_bytes());
  return may_grow(added) ? size : sizes.min_bytes;
}

}  // namespace gatetape::gateway
