// Spool: the decisions of the writer's side of one Record stream
// (proto/gatetape/record/v1/record.proto): which item is sent next, what an answer means, and what
// is sent again after a stream broke. Pure; the link holds its lock around every call.
//
// A session on a stream:
//   kFresh --fill sends a fresh Bind--> kBound
//   kUnbound --fill sends a Bind--> kBinding --Bound--> kResuming --fill sends Resume--> kBound
//   kBinding, kResuming, kBound --start_stream--> kUnbound
//   any --a refusal, or an answer that does not fit--> kRefused: nothing more is sent
//
// Sessions begin in order: no kFresh session is sent while one that was sent before the stream
// broke has no durable frame yet and is not bound again. So no later session is stored without it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gatetape/record/v1/record.pb.h"
#include "record/merkle.h"
#include "tee/gate.h"

namespace gatetape::tee {

// TeeEvent is what a session learns from the recorder.
struct TeeEvent {
  enum class Type { kDurable, kClosed, kRefused };
  uint32_t handle = 0;
  Type type = Type::kDurable;
  uint64_t seq = 0;    // kDurable
  Hash root{};         // kDurable
  std::string detail;  // kRefused: the recorder's reason
};

// CloseItem is the signed head of a session that offers nothing more.
struct CloseItem {
  uint64_t size = 0;
  Hash root{};
  std::string signature;
  std::string public_key;
};

class Spool {
 public:
  // open accepts a new session under a handle that was never used before.
  void open(uint32_t handle, const SessionId& session, const std::string& commit_key);
  // add queues the next frame of a session; frames come in the order of their seq.
  void add(uint32_t handle, FramePtr frame);
  // close queues the signed head behind the frames. No frame may be added after it.
  void close(uint32_t handle, CloseItem close);
  // forget drops a session; nothing more of it is sent.
  void forget(uint32_t handle);

  // start_stream begins a new stream: every session must be bound, and all frames that are not
  // durable are sent again.
  void start_stream();
  // fill adds the next items to an empty request, within its limits. It returns false when there is
  // nothing to send.
  bool fill(record::v1::RecordRequest* request);
  // on_response accepts the recorder's answers and appends what the sessions learn. It returns
  // false when the stream must be dropped and everything bound again.
  bool on_response(const record::v1::RecordResponse& response, std::vector<TeeEvent>* events);

  // unacknowledged returns the number of frames that wait for the recorder, sent or not.
  size_t unacknowledged() const;
  // outstanding returns true when an answer is due for something that was sent.
  bool outstanding() const { return owed_ > 0; }

 private:
  enum class State { kFresh, kUnbound, kBinding, kResuming, kBound, kRefused };
  // kNone --close--> kDue --fill--> kSent --start_stream--> kDue
  enum class Head { kNone, kDue, kSent };
  struct Session {
    SessionId id;
    std::string commit_key;
    State state = State::kFresh;
    Head head = Head::kNone;
    CloseItem close;              // unless kNone
    bool queued = false;          // in ready_
    std::deque<FramePtr> frames;  // not durable; the first is frame durable.size() + 1
    size_t sent = 0;              // of frames, on this stream
    CompactRange durable;
  };

  static void check(const Session& session);
  void mark_ready(uint32_t handle, Session& session);
  static bool has_more(const Session& session);
  bool must_wait(const Session& session) const;
  static bool may_send_frame(const Session& session);
  static bool may_send_head(const Session& session);
  size_t fill_session(uint32_t handle, Session& session, record::v1::RecordRequest* request);
  void send_bind(uint32_t handle, Session& session, record::v1::RecordRequest* request);
  void send_resume(uint32_t handle, Session& session, record::v1::RecordRequest* request);
  size_t send_frames(uint32_t handle, Session& session, record::v1::RecordRequest* request);
  void send_head(uint32_t handle, Session& session, record::v1::RecordRequest* request);

  bool on_answer(const record::v1::Answer& answer, std::vector<TeeEvent>* events);
  bool on_bound(const record::v1::Answer& answer, Session& session, std::vector<TeeEvent>* events);
  bool advance(uint32_t handle, Session& session, const record::v1::Durable& durable,
               std::vector<TeeEvent>* events);
  bool on_closed(uint32_t handle, Session& session, std::vector<TeeEvent>* events);
  bool on_refusal(const record::v1::Answer& answer, Session& session,
                  std::vector<TeeEvent>* events);
  void refuse(uint32_t handle, Session& session, std::string detail, std::vector<TeeEvent>* events);
  // owed_to returns the number of answers that are due for a session.
  static size_t owed_to(const Session& session);
  void owe(size_t items) { owed_ += items; }
  void answered(size_t items);

  std::map<uint32_t, Session> sessions_;
  std::deque<uint32_t> ready_;  // handles of sessions that may have something to send
  std::set<uint32_t> unbegun_;  // sessions without a durable frame that must be bound again
  size_t owed_ = 0;             // items sent on this stream without an answer
};

}  // namespace gatetape::tee
