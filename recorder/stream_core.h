// The decisions of one Record call (proto/gatetape/record/v1/record.proto), in two halves that
// share nothing: RequestCore turns requests into work for the committer, AnswerCore turns the
// committer's answers into responses and decides when and how the call ends. Pure: no gRPC call, no
// thread, lock or clock. The adapter is recorder/stream; the simulator drives the same two classes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/crypto.h"
#include "gatetape/record/v1/record.pb.h"
#include "recorder/ingest.h"
#include "recorder/outbox.h"
#include "recorder/work.h"

namespace gatetape::recorder {

// HandleTail is what the store holds of the session that a stream calls `handle`.
struct HandleTail {
  uint32_t handle = 0;
  Tail tail;
};
// HandleRefusal is a refusal of the session that a stream calls `handle`.
struct HandleRefusal {
  uint32_t handle = 0;
  Refusal refusal;
};

// RequestCore checks requests and makes work of them. The thread that reads the call owns it.
//
//   kReading --a request breaks a limit of the stream--> kBroken
//   kReading, kBroken --finish--> kFinished
class RequestCore {
 public:
  // Limits of one request and of one stream. A peer that exceeds one of them loses the stream.
  static constexpr int kItemsMax = 512;
  // The protocol allows 512 KiB; the item that reaches this size may exceed it by one payload.
  static constexpr size_t kRequestPayloadBytesMax = 768 << 10;
  static constexpr size_t kSessionsMax = 65536;

  // Taken is the result of one request.
  struct Taken {
    absl::Status status;                  // INVALID_ARGUMENT: the call must end with it
    std::vector<Work> work;               // for the committer, in the order of the items
    std::vector<HandleRefusal> refusals;  // for the peer
  };

  struct Options {
    const SigningKey* key = nullptr;  // signs heads, and lives longer than this object
    Writer writer = Writer::kAnySession;
  };

  explicit RequestCore(const Options& options) : options_(options) {}

  // take accepts `tails`, which the store returned since the call before, and then one request.
  // The work will be answered through `lane`. Nothing may be taken after a status that is not OK.
  Taken take(record::v1::RecordRequest request, const std::vector<HandleTail>& tails,
             const std::shared_ptr<Lane>& lane);
  // finish returns the last work of the stream. It is called once, when no more requests come.
  Work finish(const std::shared_ptr<Lane>& lane);

 private:
  enum class State { kReading, kBroken, kFinished };

  Ingest& ingest_of(uint32_t handle);
  static absl::Status check_limits(const record::v1::RecordRequest& request);
  void take_tails(const std::vector<HandleTail>& tails, Taken* taken);
  void take_item(record::v1::Item* item, const std::shared_ptr<Lane>& lane, Taken* taken);
  void take_bind(const record::v1::Item& item, const std::shared_ptr<Lane>& lane, Taken* taken);
  void take_frame(record::v1::Item* item, const std::shared_ptr<Lane>& lane, Taken* taken);
  void take_close(const record::v1::Item& item, const std::shared_ptr<Lane>& lane, Taken* taken);
  SignedHead countersign(const SessionHead& head, const record::v1::Close& close) const;

  const Options options_;
  State state_ = State::kReading;
  std::map<uint32_t, Ingest> sessions_;  // by handle
};

// AnswerCore collects answers until they are written. The committer thread, the reading thread and
// the writing thread call it under one lock.
//
//   kServing --on_finished--> kAnswered     all work of the stream is answered
//   kServing --end--> kEnding --on_finished--> kEnded
//   kAnswered --end--> kEnded               the peer did not take the last answers
//   kAnswered, kEnded --take_status--> kReturned
class AnswerCore {
 public:
  // Turn is what the writing thread does next.
  enum class Turn {
    kWait,    // nothing until the next call of another function
    kWrite,   // fill a response and write it
    kReturn,  // nothing more is written
  };

  // The answers of the committer, and the refusals of RequestCore.
  void on_bound(uint32_t handle, const Tail& tail);
  void on_durable(uint32_t handle, uint64_t seq, const Hash& root);
  void on_closed(uint32_t handle, const SignedHead& head);
  void on_refused(uint32_t handle, const Refusal& refusal);
  // on_checkpoint accepts the newest checkpoint for a peer that asked. It returns false, and drops
  // it, when the one before was not written yet, or when the call ends.
  bool on_checkpoint(record::v1::Checkpoint checkpoint);
  // on_finished: all work of the stream is answered; no answer comes after it.
  void on_finished();

  // drain: the peer must be asked to half-close. The first call counts.
  void drain();
  // end: this side ends the call with `why`, which is not OK. It returns true when the adapter must
  // cancel the call with that status, and false when the call ended before.
  bool end(const absl::Status& why);

  Turn turn() const;
  // fill writes the next answers into an empty response. The turn must be kWrite.
  void fill(record::v1::RecordResponse* response);
  // take_tails returns what the store said of bound sessions since the call before.
  std::vector<HandleTail> take_tails();
  // take_status returns the status of the call, once, after the turn kReturn: OK after a
  // half-close, UNAVAILABLE when draining, or the status of end().
  absl::Status take_status();

 private:
  enum class State { kServing, kAnswered, kEnding, kEnded, kReturned };
  // kNone --drain--> kDue --fill--> kTold
  enum class Draining { kNone, kDue, kTold };

  bool is_cut() const { return state_ == State::kEnding || state_ == State::kEnded; }
  void check_unanswered() const;

  State state_ = State::kServing;
  Draining draining_ = Draining::kNone;
  absl::Status ended_;  // why this side ended the call
  Outbox outbox_;
  std::optional<record::v1::Checkpoint> checkpoint_;  // not written yet
  std::vector<HandleTail> tails_;                     // for RequestCore
};

}  // namespace gatetape::recorder
