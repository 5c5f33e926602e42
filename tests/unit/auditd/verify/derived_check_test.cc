#include "auditd/verify/derived_check.h"

#include <gtest/gtest.h>

namespace gatetape::auditd {
namespace {

EventRow event(uint64_t seq, size_t text_bytes) {
  EventRow row;
  row.seq = seq;
  row.text = std::string(text_bytes, 'x');
  row.fields = "{}";
  return row;
}

TEST(DerivedCheck, a_page_holds_a_megabyte_of_expected_rows_and_one_row_at_least) {
  std::vector<EventRow> events;
  EXPECT_EQ(EventCheck(events).next_page().rows_max, 1u) << "to see a row that none expects";
  for (uint64_t seq = 1; seq <= 100; seq++) events.push_back(event(seq, 1000));
  EventCheck small(events);
  EXPECT_EQ(small.next_page().rows_max, 101u);
  EXPECT_GT(small.next_page().text_max, 2000u);
  for (uint64_t seq = 101; seq <= 200; seq++) events.push_back(event(seq, 50'000));
  EventCheck large(events);
  EXPECT_EQ(large.next_page().rows_max, 100u);
  for (const EventRow& row : events) {
    const PageBound bound = large.next_page();
    EXPECT_LE((bound.rows_max - 1) * bound.text_max, 1u << 20U) << row.seq;
    EXPECT_EQ(large.add(row), std::nullopt);
  }
  EXPECT_EQ(large.next_page().rows_max, 1u);
  EXPECT_EQ(large.finish(), std::nullopt);
  const std::vector<EventRow> huge = {event(1, 5'000'000), event(2, 1)};
  EXPECT_EQ(EventCheck(huge).next_page().rows_max, 1u);
}

TEST(DerivedCheck, a_channel_that_is_stored_twice_or_not_at_all_is_named) {
  const ChannelCheck::Channels expected = {{1, {1, 2, "session"}}, {3, {3, 9, "session"}}};
  ChannelCheck twice(expected);
  EXPECT_EQ(twice.add(expected.at(1)), std::nullopt);
  EXPECT_EQ(twice.add(expected.at(1))->what, "there is a row of channel 1, but no frame");
  ChannelCheck missing(expected);
  EXPECT_EQ(missing.add(expected.at(3))->seq, 2u);
  EXPECT_EQ(ChannelCheck(expected).finish()->seq, 2u);
}

}  // namespace
}  // namespace gatetape::auditd
