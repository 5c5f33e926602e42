#include "client/frame_json.h"

#include "base/bytes.h"
#include "client/output.h"
#include "record/derived.h"
#include "record/event.h"

namespace gatetape::client {

std::string frame_json(const Frame& frame) {
  Json out = {{"seq", frame.seq},
              {"channel", frame.channel},
              {"kind", kind_name(frame.kind)},
              {"offset_ns", frame.offset_ns},
              {"payload", to_base64(frame.payload)}};
  if (frame.absent) {
    out["payload"] = nullptr;
    out["absent_bytes"] = frame.absent->bytes;
  }
  const auto event = Event::decode(frame.payload);
  if (!is_bytes(frame.kind) && event.ok()) out["event"] = Json::parse(fields_json(*event));
  return as_ascii(out);
}

}  // namespace gatetape::client
