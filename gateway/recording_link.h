// RecordingLink: connects the recording of one session to this process's link: it sends the
// session's frames and receives the recorder's answers. It lives until the recorder has signed the
// head or the record has failed, which may be after its session. Session loop only.
#pragma once

#include <cstdint>
#include <memory>

#include "gateway/loop.h"
#include "gateway/services.h"
#include "gateway/session/recording.h"

namespace gatetape::gateway {

class RecordingLink : public RecordPort {
 public:
  // start starts a session on the link and returns its recording. The session and the loop's event
  // handler share the result; the loop drops the handler when no event can arrive any more.
  static std::shared_ptr<RecordingLink> start(Loop& loop, Services& services);

  Recording& recording() { return recording_; }

  int64_t mono_ns() override { return loop_.clock().mono_ns(); }
  int64_t wall_ns() override { return loop_.clock().wall_ns(); }
  void claim() override;
  void add(tee::FramePtr frame) override;
  void close(tee::FramePtr last, tee::CloseItem head) override;
  void on_closed(const SessionHead& head) override;
  void on_failed(const std::string& reason) override;

 private:
  RecordingLink(Loop& loop, Services& services);
  void leave();

  Loop& loop_;
  Services& services_;
  Recording recording_;
  Guard guard_;  // for the result of the claim
  uint32_t handle_ = 0;
  bool live_ = false;  // while it is counted in Services::live_sessions
};

}  // namespace gatetape::gateway
