// VtScanner splits a terminal's output into text, control characters and escape sequences
// (ECMA-48), wherever the input is cut. It accepts any bytes and keeps at most one sequence of
// limited length. Pure; one thread.
//
// States and moves: ground -> escape (at ESC) -> csi (at [), string (at ] P X ^ _) or ground (at
// the final byte); csi -> ground (at the final byte); string -> ground (at BEL). From every state
// CAN and SUB lead to ground, and ESC leads to escape. So a string without an end ends at the next
// sequence, as in terminals, and hides nothing that they show.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace gatetape::client {

struct VtToken {
  enum class Type { kText, kControl, kEscape, kCsi };
  Type type = Type::kText;
  // The exact bytes: a run without controls, which may be cut inside a character; one control; or a
  // whole sequence with its ESC. Strings (OSC, DCS, SOS, PM, APC) are dropped. The view is valid
  // only during the call of the sink.
  std::string_view bytes;

  // final_byte returns the last byte of a sequence, which says what the sequence does.
  char final_byte() const { return bytes.back(); }
  // number returns the first parameter of a CSI sequence, or `standard` when there is none.
  unsigned number(unsigned standard) const;
};

class VtScanner {
 public:
  using Sink = std::function<void(const VtToken&)>;
  // feed accepts the next bytes and passes each token to the sink.
  void feed(std::string_view bytes, const Sink& sink);

 private:
  enum class State { kGround, kEscape, kCsi, kString };
  size_t feed_text(std::string_view bytes, const Sink& sink);
  void feed_sequence(char c, const Sink& sink);

  State state_ = State::kGround;
  std::string sequence_;
};

}  // namespace gatetape::client
