// Tests MemoryBudget: pressure, fair shares and the sizes of windows.
#include "gateway/session/memory_budget.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace gatetape::gateway {
namespace {

using Pressure = MemoryBudget::Pressure;
constexpr uint64_t kMax = 100'000'000;

TEST(MemoryBudget, pressure_begins_at_80_and_95_percent_and_ends_below_75_and_90) {
  struct Row {
    uint64_t percent;
    Pressure pressure;
    bool may_open;
  };
  MemoryBudget budget(kMax);
  const auto account = budget.account("alice");
  for (const Row& row : {Row{79, Pressure::kNone, true}, Row{80, Pressure::kHigh, true},
                         Row{75, Pressure::kHigh, true}, Row{74, Pressure::kNone, true},
                         Row{94, Pressure::kHigh, true}, Row{95, Pressure::kFull, false},
                         Row{90, Pressure::kFull, false}, Row{89, Pressure::kHigh, true},
                         Row{200, Pressure::kFull, false}, Row{10, Pressure::kNone, true}}) {
    EXPECT_EQ(budget.sample(kMax / 100 * row.percent), row.pressure) << row.percent;
    EXPECT_EQ(account->may_open(), row.may_open) << row.percent;
    EXPECT_EQ(account->may_grow(0), row.pressure == Pressure::kNone) << row.percent;
  }
}

TEST(MemoryBudget, users_who_ask_for_all_get_equal_shares_of_half_the_budget) {
  for (const size_t users : {size_t{1}, size_t{2}, size_t{4}}) {
    MemoryBudget budget(kMax);
    std::vector<std::shared_ptr<MemoryBudget::Account>> accounts;
    for (size_t i = 0; i < users; i++) accounts.push_back(budget.account(std::to_string(i)));
    constexpr uint64_t kStep = 1000;
    for (bool grew = true; grew;) {
      grew = false;
      for (const auto& account : accounts) {
        if (!account->may_grow(kStep)) continue;
        account->update(account->bytes(), account->bytes() + kStep);
        grew = true;
      }
    }
    for (const auto& account : accounts) {
      EXPECT_NEAR(static_cast<double>(account->bytes()),
                  static_cast<double>(kMax / 2 / (users + 1)), 2 * kStep)
          << users;
      account->update(account->bytes(), 0);
    }
    EXPECT_EQ(budget.channel_bytes(), 0u);
  }
}

TEST(MemoryBudget, a_user_who_holds_the_share_leaves_room_for_another) {
  MemoryBudget budget(kMax);
  const auto hog = budget.account("hog");
  const auto other = budget.account("other");
  hog->update(0, kMax / 4);
  EXPECT_FALSE(hog->may_grow(1000));
  EXPECT_TRUE(other->may_grow(kMax / 8));
  EXPECT_TRUE(hog->may_open());
  hog->update(kMax / 4, 0);
}

TEST(MemoryBudget, a_user_has_one_account_while_somebody_holds_it) {
  MemoryBudget budget(kMax);
  const auto first = budget.account("alice");
  EXPECT_EQ(first, budget.account("alice"));
  EXPECT_NE(first, budget.account("bob"));
  for (int i = 0; i < 1000; i++) budget.account(std::to_string(i));
  EXPECT_EQ(first, budget.account("alice"));
}

TEST(MemoryBudget, a_window_doubles_to_its_largest_size_and_falls_back_under_pressure) {
  MemoryBudget budget(kMax);
  const auto account = budget.account("alice");
  const WindowSizes sizes;
  ReceiveWindow window(32000);
  std::vector<size_t> seen;
  for (int i = 0; i < 7; i++) {
    window.on_received(window.open_bytes());
    window.on_taken(1);
    window.on_opened(window.due(account->window_size(window, sizes)));
    seen.push_back(window.size_bytes());
  }
  EXPECT_EQ(seen, (std::vector<size_t>{65536, 131072, 262144, 524288, 1048576, 1280000, 1280000}));
  budget.sample(kMax / 100 * 80);
  EXPECT_EQ(account->window_size(window, sizes), sizes.min_bytes);
  budget.sample(0);
  account->update(0, kMax / 4);
  window.on_received(window.open_bytes());
  EXPECT_EQ(account->window_size(window, sizes), sizes.min_bytes);
  account->update(kMax / 4, 0);
}

}  // namespace
}  // namespace gatetape::gateway
