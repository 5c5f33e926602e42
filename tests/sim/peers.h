// Peers: the two ends of one channel. They behave like an SSH library and the programs behind it: a
// user who follows a script, and a target that runs a shell, a command or sftp. Writes are accepted
// in part or not at all, windows are small, one side closes while the other continues, and answers
// are late. The product's ChannelCore, which owns the object, sees all this through its ports.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/session/channel_core.h"
#include "tests/sim/oracle.h"
#include "tests/sim/plan.h"

namespace gatetape::sim {

class Peers : public gateway::ChannelPort {
 public:
  // Owner is the visit, which owns the connections of the channel.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual bool over() const = 0;
    virtual bool is_lost(Side side) const = 0;
    // lose ends the connection to one side.
    virtual void lose(Side side) = 0;
    virtual void wake() = 0;
    // on_channel_gone is called when the product has destroyed the channel.
    virtual void on_channel_gone() = 0;
    // window_bytes_max returns the largest window that the product may give now.
    virtual size_t window_bytes_max() const = 0;
  };

  // `first_window_bytes` are the windows that the product opens a channel with, by Side.
  Peers(World* world, Oracle* oracle, uint64_t session, ChannelPlan plan,
        const std::array<size_t, 2>& first_window_bytes, Owner* owner);
  ~Peers() override;
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  void attach_core(gateway::ChannelCore* core) { core_ = core; }

  // ChannelPort
  void open_on_target() override;
  bool accept_open() override;
  void refuse_open(gateway::OpenFailure why, std::string_view text) override;
  bool lost(Side side) const override { return owner_->is_lost(side); }
  bool busy(Side side) const override { return end_of(side).busy; }
  size_t window(Side side) const override { return end_of(side).window; }
  Written write(Side side, ByteStream stream, std::string_view bytes) override;
  Kept send_request(Side side, const gateway::Request& request) override;
  bool answer_request(bool ok) override;
  void send_eof(Side side) override;
  bool send_close(Side side) override;
  std::string_view read_held(Side side, ByteStream stream, size_t bytes_max) override;
  bool open_window(Side side, size_t bytes) override;

 private:
  using Step = Said;

  struct End {
    std::deque<Step> unsent;             // not sent yet, because the window is closed
    std::array<std::string, 2> library;  // by Stream: sent, and held by the SSH library
    std::deque<Step> heard;              // written to this end, which has not acted on it yet
    bool listening = false;              // a task that acts on `heard` is queued
    bool closed = false;                 // it sent CLOSE
    bool busy = false;                   // its socket accepts nothing for some time
    bool exchanging = false;             // a key exchange with it is under way
    std::deque<Step> kept;               // what the SSH library sends after the key exchange
    uint64_t kept_bytes = 0;             // of requests among it
    size_t window = 0;                   // bytes that it accepts now
    size_t may_send = 0;                 // bytes that the product's window lets it send
  };

  End& end_of(Side side) { return ends_[static_cast<size_t>(side)]; }
  const End& end_of(Side side) const { return ends_[static_cast<size_t>(side)]; }
  template <typename Task>
  void after(int64_t delay_ns, Task task);
  void say(Side from, Step step);
  void send(Side from);
  bool deliver(Side from, Step& step);
  bool deliver_bytes(Side from, Step& step);
  void hear(Side side, Step step);
  void listen(Side side);
  void block(Side side);
  void exchange_keys(Side side);
  void keep(Side side, uint64_t bytes);
  bool stumbles(Side side);
  void take_window(Side side, size_t bytes);
  void user_heard(const Step& step);
  void user_turn();
  void target_heard(const Step& step);
  void target_runs(const Step& request);
  void target_prints();
  void target_answers(std::string_view bytes);
  void target_exits();

  World* const world_;
  Oracle* const oracle_;
  const uint64_t session_;
  const ChannelPlan plan_;
  Owner* const owner_;
  gateway::ChannelCore* core_ = nullptr;
  std::array<End, 2> ends_;  // by Side
  std::string read_;         // what read_held returned last
  size_t played_ = 0;        // steps of the script
  size_t printed_ = 0;       // bytes of the output
  std::string packets_;      // sftp packets that the target has not answered yet
  bool runs_command_ = false;
  bool runs_sftp_ = false;
  bool exited_ = false;
  std::shared_ptr<Peers*> alive_;  // Queued tasks hold a weak_ptr.
};

}  // namespace gatetape::sim
