#include "client/newlines.h"

#include "client/frame_role.h"
#include "record/event.h"

namespace gatetape::client {

void Newlines::note(const Frame& frame) {
  if (role_of(frame.kind) != FrameRole::kRequest) return;
  const auto event = Event::decode(frame.payload);
  has_pty_ = has_pty_ || (event.ok() && event->get("request") == "pty-req");
}

std::string Newlines::feed(std::string_view bytes) {
  if (has_pty_) return std::string(bytes);
  std::string out;
  for (const char c : bytes) {
    if (c == '\n' && !after_cr_) out += '\r';
    out += c;
    after_cr_ = c == '\r';
  }
  return out;
}

}  // namespace gatetape::client
