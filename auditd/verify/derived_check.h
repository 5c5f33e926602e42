// Compares derived rows as stored with those that the frames give. Pure; any thread.
#pragma once

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
// check_events compares rows of one range of seq, both in its order; fields as JSON values.
std::optional<Problem> check_events(const std::vector<EventRow>& expected,
                                    const std::vector<EventRow>& stored);
// check_channels compares all channel rows of a session, by channel.
std::optional<Problem> check_channels(const std::map<uint32_t, ChannelRow>& expected,
                                      const std::map<uint32_t, ChannelRow>& stored);

}  // namespace gatetape::auditd
