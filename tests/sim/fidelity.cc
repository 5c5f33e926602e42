#include "tests/sim/fidelity.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/crypto.h"
#include "record/event.h"

namespace gatetape::sim {
namespace {

size_t index(Side side) { return static_cast<size_t>(side); }

std::string field(const Frame& frame, std::string_view key) {
  return std::string(Event::decode(frame.payload)->get(key));
}

// speaker returns the peer that sent what the frame contains.
Side speaker(const Frame& frame) {
  const bool is_users =
      class_of(frame.kind) == FrameClass::kDenial ? field(frame, "side") == "user" : true;
  return route_of(frame.kind) == Route::kToTarget && is_users ? Side::kUser : Side::kTarget;
}

}  // namespace

void Fidelity::on_said(uint32_t channel, Side from, const Said& said) {
  Conversation& talk = conversations_[channel];
  talk.said[index(from)].push_back(said);
  talk.closed[index(from)] = talk.closed[index(from)] || said.what == FrameClass::kClose;
}

bool Fidelity::is_deaf(uint32_t channel, Side side) const {
  const auto talk = conversations_.find(channel);
  return lost_[index(side)] || (talk != conversations_.end() && talk->second.closed[index(side)]);
}

const char* Fidelity::check(const Frame& frame) {
  const FrameClass what = class_of(frame.kind);
  const bool is_open = what == FrameClass::kOpen ||
                       (what == FrameClass::kDenial && field(frame, "what") == "channel");
  if (is_open) return asked_-- > 0 ? nullptr : "nobody asked for a channel";
  if (frame.kind == FrameKind::kBanner) return check_banner(frame);
  if (frame.channel == 0) return nullptr;
  return check_step(&conversations_[frame.channel], frame);
}

const char* Fidelity::check_banner(const Frame& frame) {
  const size_t place = banners_offered_++;
  return place < banners_.size() && banners_[place] == field(frame, "text")
             ? nullptr
             : "the target sent another banner next";
}

const char* Fidelity::check_step(Conversation* talk, const Frame& frame) {
  const FrameClass what = class_of(frame.kind);
  if (what == FrameClass::kNotice) {
    bool& closes = talk->gateway_closes[index(Side::kTarget)];
    closes = closes || !field(frame, "exit_status").empty();
    return nullptr;
  }
  const Side from = speaker(frame);
  std::deque<Said>& said = talk->said[index(from)];
  if (what == FrameClass::kBytes) return take_bytes(&said, frame);
  if (what == FrameClass::kClose) return take_close(talk, from);
  if (what == FrameClass::kEof && talk->gateway_closes[index(from)]) return nullptr;
  const FrameClass wanted = what == FrameClass::kDenial ? FrameClass::kRequest : what;
  if (said.empty() || said.front().what != wanted) return "the peer sent another step next";
  const char* const fault = take_answer(said.front(), frame);
  said.pop_front();
  return fault;
}

const char* Fidelity::take_answer(const Said& said, const Frame& frame) {
  const FrameClass what = class_of(frame.kind);
  const bool is_answer = what == FrameClass::kReply || what == FrameClass::kOpenReply;
  if (is_answer && said.ok != (field(frame, "ok") == "1")) return "the target gave another answer";
  if (said.what != FrameClass::kRequest) return nullptr;
  if (!field(frame, "length").empty()) return take_cut(said.request, frame);
  const std::string name = field(frame, what == FrameClass::kDenial ? "name" : "request");
  return said.request.name == name && said.request.data == field(frame, "data")
             ? nullptr
             : "the peer made another request";
}

// take_cut checks the denial of a request that was too long for a frame.
const char* Fidelity::take_cut(const gateway::Request& request, const Frame& frame) {
  if (request.data.size() <= kRequestBytesMax) return "a request that is not too long is cut";
  const std::string data = field(frame, "data");
  const bool fits = field(frame, "name") == request.name && request.data.starts_with(data) &&
                    data.size() >= kDeniedBytesMax &&
                    field(frame, "length") == std::to_string(request.data.size()) &&
                    field(frame, "sha256") == to_hex(view(sha256(request.data)));
  return fits ? nullptr : "the peer made another request than the one that was cut";
}

// take_bytes checks the order of the bytes per stream only, because an SSH library buffers the two
// streams of a channel separately.
const char* Fidelity::take_bytes(std::deque<Said>* said, const Frame& frame) {
  const ByteStream stream = frame.kind == FrameKind::kErr ? ByteStream::kStderr : ByteStream::kData;
  std::string_view bytes = frame.payload;
  while (!bytes.empty()) {
    auto part = said->begin();
    while (part != said->end() && part->what == FrameClass::kBytes && part->stream != stream)
      ++part;
    if (part == said->end() || part->what != FrameClass::kBytes)
      return "no peer has sent these bytes yet";
    const size_t count = std::min(bytes.size(), part->data.size());
    if (bytes.substr(0, count) != std::string_view(part->data).substr(0, count))
      return "the peer sent other bytes";
    bytes.remove_prefix(count);
    part->data.erase(0, count);
    if (part->data.empty()) said->erase(part);
  }
  return nullptr;
}

// take_close accepts a close that the peer sent, and two that the gateway makes: when the
// connection is lost, with which the peer's unread bytes may be lost, and after a program was
// denied or revoked.
const char* Fidelity::take_close(Conversation* talk, Side from) {
  std::deque<Said>& said = talk->said[index(from)];
  const bool is_made = lost_[index(from)] || talk->gateway_closes[index(from)];
  if (!is_made && (said.empty() || said.front().what != FrameClass::kClose))
    return "the peer sent another step next";
  said.clear();
  return nullptr;
}

}  // namespace gatetape::sim
