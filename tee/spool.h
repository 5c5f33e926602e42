// Spool: the writer's side of one Record stream as a state machine: which item goes next, what an
// answer means, what is sent again after a break (proto/gatetape/record/v1/record.proto).
// Pure; the link holds its lock around every call.
//
// A session on a stream: unbound -> (binding ->) bound -> closed; any -> refused. A fresh session
// (nothing of it was ever sent) is bound by its first Bind; otherwise the recorder's Bound says
// where to go on.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
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
  std::string detail;  // kRefused: what the recorder said
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
  // open takes a new session under a handle that was never used before.
  void open(uint32_t handle, const SessionId& session, const std::string& commit_key);
  // add queues the next frame; frames come in order of seq.
  void add(uint32_t handle, FramePtr frame);
  // close queues the signed head after the frames.
  void close(uint32_t handle, CloseItem close);
  // forget drops a session; its frames are not sent any more.
  void forget(uint32_t handle);

  // start_stream begins a new stream: every session is unbound, all that is not durable is sent
  // again.
  void start_stream();
  // fill adds what goes next to an empty request, within its limits. False when there is nothing.
  bool fill(record::v1::RecordRequest* request);
  // on_response takes the recorder's answers and appends what the sessions learn. False when the
  // stream must be dropped and everything bound again.
  bool on_response(const record::v1::RecordResponse& response, std::vector<TeeEvent>* events);

  // unacknowledged counts the frames that it holds: sent or not, none of them durable yet.
  size_t unacknowledged() const;
  // outstanding tells whether an answer is owed for something that was sent.
  bool outstanding() const { return owed_ > 0; }
  size_t sessions() const { return sessions_.size(); }

 private:
  enum class State { kUnbound, kBinding, kBound, kRefused };
  struct Session {
    SessionId id;
    std::string commit_key;
    State state = State::kUnbound;
    bool fresh = true;
    bool resume_due = false;
    bool queued = false;          // in ready_
    std::deque<FramePtr> frames;  // not durable; the first is frame durable.size() + 1
    size_t sent = 0;              // of frames, on this stream
    CompactRange durable;
    std::optional<CloseItem> close;
    bool close_sent = false;
  };

  void mark_ready(uint32_t handle, Session& session);
  bool has_more(const Session& session) const;
  static bool may_send(const Session& session);
  size_t fill_session(uint32_t handle, Session& session, record::v1::RecordRequest* request);
  bool on_bound(const record::v1::Answer& answer, Session& session, std::vector<TeeEvent>* events);
  bool advance(uint32_t handle, Session& session, const record::v1::Durable& durable,
               std::vector<TeeEvent>* events);
  bool on_refusal(const record::v1::Answer& answer, Session& session,
                  std::vector<TeeEvent>* events);
  void refuse(uint32_t handle, Session& session, std::string detail, std::vector<TeeEvent>* events);
  void owe(size_t items) { owed_ += items; }
  void settle(size_t items);

  std::map<uint32_t, Session> sessions_;
  std::deque<uint32_t> ready_;
  size_t owed_ = 0;  // items sent on this stream without an answer
};

}  // namespace gatetape::tee
