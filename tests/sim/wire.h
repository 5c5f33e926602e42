// Wire: one Record call between the link and a recorder's stream. It consists of two queues, which
// keep their order and may lose their tail when the call ends. Messages to the recorder may still
// arrive much later. The link and the stream share it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "gatetape/record/v1/record.pb.h"
#include "tests/sim/world.h"

namespace gatetape::sim {

// Message is a request, of which one item may be a repeated frame or a frame with other content.
struct Message {
  enum class Odd { kNone, kRepeat, kForgery };
  record::v1::RecordRequest request;
  Odd odd = Odd::kNone;
  int odd_item = -1;
};

class Wire : public std::enable_shared_from_this<Wire> {
 public:
  class RecorderEnd {
   public:
    virtual ~RecorderEnd() = default;
    virtual bool has_room() const = 0;
    virtual void on_message(Message message) = 0;
    // on_half_close is called when no more messages follow, because the link has finished or is
    // gone.
    virtual void on_half_close() = 0;
  };
  class LinkEnd {
   public:
    virtual ~LinkEnd() = default;
    virtual void on_response(const Wire* wire, const record::v1::RecordResponse& response) = 0;
    virtual void on_end(const Wire* wire) = 0;
    virtual void on_room() = 0;
  };

  Wire(World* world, LinkEnd* link) : world_(world), link_(link) {}
  void attach(const std::weak_ptr<RecorderEnd>& recorder) { recorder_ = recorder; }

  // The link's side.
  void send(Message message);
  void half_close();
  // cancel stops the call. The link receives nothing more.
  void cancel();
  size_t unread() const { return to_recorder_.size(); }

  // The recorder's side.
  void answer(record::v1::RecordResponse response);
  void end();
  // die stops the call, because the recorder's process has died.
  void die();

 private:
  void schedule_to_recorder();
  void schedule_to_link(int64_t delay_ns);
  void deliver_to_recorder();
  void deliver_to_link();

  World* const world_;
  LinkEnd* const link_;
  std::weak_ptr<RecorderEnd> recorder_;
  std::deque<std::optional<Message>> to_recorder_;                 // nullopt = half-close
  std::deque<std::optional<record::v1::RecordResponse>> to_link_;  // nullopt = the end
  int64_t to_recorder_at_ns_ = 0;
  int64_t to_link_at_ns_ = 0;
  int64_t stalled_until_ns_ = 0;
  bool cancelled_ = false;
  bool mute_ = false;  // a network that silently loses every answer
  bool ended_ = false;
};

}  // namespace gatetape::sim
