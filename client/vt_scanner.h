// VtScanner splits a terminal's output into text, control characters and escape sequences
// (ECMA-48), across any cuts. It never fails and keeps little: any bytes may come. Pure; one
// thread.
//
// States: ground, escape (after ESC), csi (after ESC [), string (OSC, DCS, SOS, PM, APC until ST,
// BEL, CAN, SUB or the ESC of another sequence: as terminals do, or a string without an end would
// hide what they show).
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace gatetape {

struct VtToken {
  enum class Type { kText, kControl, kEscape, kCsi };
  Type type = Type::kText;
  // The exact bytes: a run without controls (maybe cut inside a character), one control, or a whole
  // sequence with its ESC. Strings of OSC and its like are never given. Valid during the call
  // alone.
  std::string_view bytes;

  // final_byte is the last byte of a sequence, which names it.
  char final_byte() const { return bytes.back(); }
  // number gives the first parameter of a CSI sequence, or `standard` when there is none.
  unsigned number(unsigned standard) const;
};

class VtScanner {
 public:
  using Sink = std::function<void(const VtToken&)>;
  // feed takes the next bytes and hands each token to the sink.
  void feed(std::string_view bytes, const Sink& sink);

 private:
  enum class State { kGround, kEscape, kCsi, kString };
  size_t feed_text(std::string_view bytes, const Sink& sink);
  void feed_sequence(char c, const Sink& sink);

  State state_ = State::kGround;
  std::string sequence_;
};

}  // namespace gatetape
