// Coverage: what the record of a session holds of each channel and each request, and what it does
// not (docs/FORMAT.md section 11). It judges frames by what they say and verifies nothing:
// record/verify.h does. Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "record/event.h"
#include "record/frame.h"

namespace gatetape {

// Text of a row, in bytes. A longer command is cut, because rows are kept in memory until it is
// known what became of them; its frame has the whole.
constexpr size_t kCoverageTextBytesMax = 1000;

struct CoverageRow {
  enum class Item {
    kChannel,
    kRequest,
    kGlobalRequest,
    kFrame,  // a kind of frame that this version does not know
  };
  enum class State {
    kRecorded,  // the bytes are in the record, and this version can read them
    kRefused,   // the gateway did not let it pass
    kOpaque,    // the bytes are in the record, and this version does not decode them
  };

  uint64_t seq = 0;
  uint32_t channel = 0;
  Item item = Item::kFrame;
  bool by_target = false;  // the target asked for it, and not the user
  std::string what;        // type of the channel, or name of the request, as escape_text() makes it
  std::string text;        // what the request asks for, as describe() says it
  State state = State::kRecorded;
  std::string reason;  // empty: nothing needs to be said
  // Stream bytes of the program of a shell, exec or subsystem request, and for a channel those that
  // belong to no program.
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;     // stdout and stderr
  uint64_t bytes_absent = 0;  // among these: bytes that were redacted, sealed or erased
};
using CoverageItem = CoverageRow::Item;
using CoverageState = CoverageRow::State;

// coverage_word returns the name of a value in documents and output.
const char* coverage_word(CoverageItem item);
const char* coverage_word(CoverageState state);

// Coverage makes a row of each frame that asks for a channel or a request. It passes a row on as
// soon as it is known what became of it, so that rows come in another order than frames.
class Coverage {
 public:
  using Sink = std::function<void(const CoverageRow&)>;
  explicit Coverage(Sink sink) : sink_(std::move(sink)) {}

  // add accepts the next frame, in order. It fails with DATA_LOSS when the payload of the frame is
  // not readable, and with RESOURCE_EXHAUSTED when more rows wait than a gateway leaves open.
  absl::Status add(const Frame& frame);
  // finish passes on the rows that still wait. No frame follows.
  void finish();

  // late_bytes returns the number of stream bytes that came for a channel that was over: its target
  // refused it while its user sent them. They belong to no row.
  uint64_t late_bytes() const { return late_bytes_; }

 private:
  // Channel is a channel that is open. Its numbers are those of rows in held_; 0 = none.
  struct Channel {
    uint64_t opening = 0;
    uint64_t program = 0;
    std::deque<uint64_t> waiting = {};  // requests that want a reply, the oldest first
    bool is_answered = false;           // by the target
    bool closed_in = false;
    bool closed_out = false;
  };

  void add_event(const Frame& frame, const Event& event);
  void add_bytes(const Frame& frame);
  void add_request(const Frame& frame, const Event& event);
  void add_close(const Frame& frame);
  void answer_open(const Frame& frame, const Event& event);
  void answer_request(const Frame& frame, const Event& event);
  Channel* find(uint32_t number);
  void release(uint32_t number);
  void pass(CoverageRow row) { sink_(row); }
  void pass_held(uint64_t seq, std::string_view reason = {});

  const Sink sink_;
  std::map<uint32_t, Channel> channels_;
  std::map<uint64_t, CoverageRow> held_;  // rows of channels_, by seq
  uint32_t last_channel_ = 0;
  uint64_t late_bytes_ = 0;
};

}  // namespace gatetape
