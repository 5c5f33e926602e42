// Channel: a double of gateway/ssh/channel and of the two SSH peers at its ends: the real
// gateway::Outbox in each direction and the real policy, writes that are taken in part or not at
// all, EOF of one side while the other goes on. Owned by its session.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <string_view>

#include "gateway/session/outbox.h"
#include "policy/access.h"
#include "tests/sim/oracle.h"
#include "tests/sim/plan.h"

namespace gatetape::sim {

class Channel {
 public:
  // Owner is the session.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void offer(uint32_t channel, FrameKind kind, std::string payload) = 0;
    virtual const Grant& grant() const = 0;
    virtual bool has_room() const = 0;
    virtual bool over() const = 0;
    // on_peer_lost: the connection of who receives this direction failed.
    virtual void on_peer_lost(Direction direction) = 0;
    virtual void on_channel_finished() = 0;
  };

  Channel(World* world, Oracle* oracle, uint64_t session, uint32_t number, ChannelPlan plan,
          Owner* owner)
      : world_(world),
        oracle_(oracle),
        session_(session),
        number_(number),
        plan_(std::move(plan)),
        owner_(owner) {}

  // open has the user open it.
  void open() { emit(Direction::kToTarget, FrameKind::kChannelOpen, ""); }
  void on_released(tee::FramePtr frame);
  // service takes what the peers sent and writes what waits, as far as it goes.
  void service();
  uint32_t number() const { return number_; }
  bool finished() const { return halves_[0].close_written && halves_[1].close_written; }

 private:
  struct Half {
    std::deque<Step> held;   // sent, and not offered yet
    gateway::Outbox outbox;  // released, and not written yet
    bool close_emitted = false;
    bool close_written = false;
    bool blocked = false;
  };

  Half& half(Direction direction) { return halves_[static_cast<size_t>(direction)]; }
  // deaf tells whether the receiver of a direction has closed the channel.
  bool deaf(Direction direction) {
    return halves_[1 - static_cast<size_t>(direction)].close_emitted;
  }
  void later(int64_t least_ns, int64_t most_ns, void (Channel::*what)());
  void emit(Direction direction, FrameKind kind, std::string payload);
  void read(Direction direction);
  void offer_request(std::string payload);
  void notice_denial(std::string_view payload);
  void write(Direction direction);
  bool write_front(Direction direction);
  bool write_bytes(Direction direction, const Frame& frame);
  void block(Direction direction);
  void target_got(FrameKind kind, std::string_view payload);
  void target_got_request(std::string_view payload);
  void user_got(FrameKind kind);
  void user_turn();
  void target_accepts();
  void target_prints();
  void target_answers(std::string_view bytes);
  void target_exits();

  World* const world_;
  Oracle* const oracle_;
  const uint64_t session_;
  const uint32_t number_;
  const ChannelPlan plan_;
  Owner* const owner_;
  std::array<Half, 2> halves_;
  size_t played_ = 0;     // of the script
  size_t printed_ = 0;    // of the output
  std::string packets_;   // of sftp, that the target did not answer yet
  bool started_ = false;  // a program, as the gateway sees it
  bool runs_command_ = false;
  bool runs_sftp_ = false;
  bool exited_ = false;
};

}  // namespace gatetape::sim
