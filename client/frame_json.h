// frame_json: a frame as JSON, the same in every export. Pure; any thread.
#pragma once

#include <string>

#include "record/frame.h"

namespace gatetape::client {

// frame_json returns one line of JSON without a line end: seq, channel, kind, offset_ns, payload
// (base64, or null with absent_bytes), and the fields of an event.
std::string frame_json(const Frame& frame);

}  // namespace gatetape::client
