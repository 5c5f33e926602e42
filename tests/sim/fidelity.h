// Fidelity: keeps what the peers of one session have sent and the gateway has not offered yet. It
// checks that each offered frame is what a peer sent next: the exact bytes, and steps in the order
// of the peer's packets. It is a part of the oracle.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/plan.h"

namespace gatetape::sim {

class Fidelity {
 public:
  // on_asked is called when the user asks for a channel, on_said when a peer sends something on a
  // channel, and on_lost when the connection to a peer ends.
  void on_asked() { asked_++; }
  void on_said(uint32_t channel, Side from, const Said& said);
  void on_lost(Side side) { lost_[static_cast<size_t>(side)] = true; }
  // on_cut is called when new rules close a channel: the gateway ends both sides itself.
  void on_cut(uint32_t channel) { conversations_[channel].gateway_closes = {true, true}; }
  // on_banner_sent is called when the target sends a banner.
  void on_banner_sent(const std::string& text) { banners_.push_back(text); }
  size_t banners_sent() const { return banners_.size(); }
  // check checks an offered frame. It returns the fault, or nullptr when the frame is what a peer
  // sent next.
  const char* check(const Frame& frame);
  bool is_lost(Side side) const { return lost_[static_cast<size_t>(side)]; }
  // is_deaf returns true when this peer of a channel reads nothing any more.
  bool is_deaf(uint32_t channel, Side side) const;

 private:
  struct Conversation {
    std::array<std::deque<Said>, 2> said;  // by Side
    std::array<bool, 2> closed{};          // by Side: it sent CLOSE
    // By Side: the gateway ends what this peer says. It does so after a denied program.
    std::array<bool, 2> gateway_closes{};
  };

  const char* check_banner(const Frame& frame);
  const char* check_step(Conversation* talk, const Frame& frame);
  const char* take_bytes(std::deque<Said>* said, const Frame& frame);
  const char* take_close(Conversation* talk, Side from);
  static const char* take_answer(const Said& said, const Frame& frame);
  static const char* take_cut(const gateway::Request& request, const Frame& frame);

  uint64_t asked_ = 0;          // channels that were neither opened nor denied yet
  std::array<bool, 2> lost_{};  // by Side
  std::vector<std::string> banners_;
  size_t banners_offered_ = 0;
  std::map<uint32_t, Conversation> conversations_;
};

}  // namespace gatetape::sim
