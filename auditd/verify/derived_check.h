// Compares derived rows as stored with those that the frames make. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "record/derived.h"
#include "record/verify.h"

namespace gatetape::auditd {

// check_session and check_end compare one row; nullopt stands for no row.
std::optional<Problem> check_session(const SessionRow& expected,
                                     const std::optional<SessionRow>& stored);
std::optional<Problem> check_end(const std::optional<SessionEndRow>& expected,
                                 const std::optional<SessionEndRow>& stored);

// PageBound bounds the rows that are read to be compared with the expected ones.
struct PageBound {
  size_t rows_max = 0;
  size_t text_max = 0;  // characters of each text that are read; more than any expected one has
};

// EventCheck compares the event rows of one range of seq, which it is given in the order of seq.
// The fields are compared as JSON values. After a problem it is of no more use.
class EventCheck {
 public:
  // `expected` is in the order of seq and outlives this object.
  explicit EventCheck(const std::vector<EventRow>& expected) : expected_(expected) {}
  // next_page returns how many rows to read next. Behind the last expected row there is one more.
  PageBound next_page() const;
  // add returns what is wrong with the next stored row, if anything is.
  std::optional<Problem> add(const EventRow& row);
  // finish returns what is wrong when no more rows are stored.
  std::optional<Problem> finish() const;

 private:
  const std::vector<EventRow>& expected_;
  size_t next_ = 0;  // the first expected row that was not stored so far
};

// ChannelCheck does the same with all channel rows of a session, in the order of the channels.
class ChannelCheck {
 public:
  using Channels = std::map<uint32_t, ChannelRow>;
  explicit ChannelCheck(const Channels& expected) : expected_(expected) {}
  PageBound next_page() const;
  std::optional<Problem> add(const ChannelRow& row);
  std::optional<Problem> finish() const;

 private:
  std::optional<Problem> missing() const;

  const Channels& expected_;
  Channels::const_iterator next_ = expected_.begin();
};

}  // namespace gatetape::auditd
