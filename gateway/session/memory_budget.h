// MemoryBudget: bounds the memory of this process, and shares it between the users. It knows how
// much memory the process has and how many bytes each user's channels hold or may receive, and
// decides how far a flow-control window may grow and whether a channel may be opened. main owns it.
// Any thread.
//
// Legal transitions of Pressure, by the sampled size of the process, any to any: kHigh begins at 80
// % of the budget and ends below 75 %, kFull begins at 95 % and ends below 90 %, so that neither
// begins and ends with each sample. Between two samples the counted bytes bound the growth.
//
// Fairness: a user may grow while the user's bytes are fewer than what is left of half of the
// budget
// ("dynamic threshold", Choudhury and Hahne 1998). One user alone gets a quarter of the budget, n
// users who ask for all get 1/(n + 1) of the half each, and users who are idle take nothing away.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/session/receive_window.h"

namespace gatetape::gateway {

// The reason of a denial when MemoryBudget::Account::may_open returns false.
constexpr char kMemoryDenial[] =
    "the gateway has no memory left for another channel; close one, or try again later";

class MemoryBudget {
 public:
  enum class Pressure { kNone, kHigh, kFull };

  // Account counts the bytes of one user. The user's sessions and connections share it.
  class Account {
   public:
    explicit Account(MemoryBudget& budget) : budget_(budget) {}
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    // update changes what one owner has counted here from `before` to `after` bytes.
    void update(uint64_t before, uint64_t after);
    // may_grow returns true when there is no pressure and `bytes` more stay within the fair share.
    bool may_grow(uint64_t bytes) const;
    // may_open returns false when a new channel must be denied.
    bool may_open() const { return budget_.pressure() != Pressure::kFull; }
    // window_size returns the size to which this window of the user may be opened now.
    size_t window_size(const ReceiveWindow& window, const WindowSizes& sizes) const;
    uint64_t bytes() const { return bytes_; }

   private:
    MemoryBudget& budget_;
    std::atomic<uint64_t> bytes_{0};  // written by the loops of this user's connections
  };

  // `bytes_max` is the budget: [gateway] memory_max.
  explicit MemoryBudget(uint64_t bytes_max);

  // account returns the account of a user, which lives as long as somebody holds it.
  std::shared_ptr<Account> account(const std::string& user);
  // sample accepts the present size of the process in bytes, and returns the pressure.
  Pressure sample(uint64_t process_bytes);
  Pressure pressure() const { return pressure_; }
  uint64_t bytes_max() const { return bytes_max_; }
  uint64_t process_bytes() const { return process_bytes_; }
  // channel_bytes returns the bytes of all accounts.
  uint64_t channel_bytes() const { return channel_bytes_; }

 private:
  Pressure pressure_of(uint64_t process_bytes) const;

  const uint64_t bytes_max_;
  std::atomic<uint64_t> process_bytes_{0};  // of the last sample
  std::atomic<uint64_t> channel_bytes_{0};  // of all accounts; written by all loops
  std::atomic<Pressure> pressure_{Pressure::kNone};
  absl::Mutex mutex_;
  // By user. The sessions and connections of a user own the account together.
  std::map<std::string, std::weak_ptr<Account>> accounts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gatetape::gateway
