// Fuzz target of a recorder's answers, read by spool and gate. The input is a RecordResponse
// (record.proto). Its answers arrive one at a time at a writer with two sessions; before each
// answer the writer offers a frame and sends. An empty root stands for the right one. Only a frame
// that was sent, and whose own root was acknowledged, may be released, and no recorder may break
// the writer.

#include <map>
#include <vector>

#include "tee/gate.h"
#include "tee/spool.h"
#include "tests/fuzz/fuzz.h"

namespace gatetape::fuzz {
namespace {

constexpr uint32_t kSessions = 2;
constexpr uint64_t kFramesMax = 6;  // frames per session; then the session closes

class Writer {
 public:
  Writer() {
    for (uint32_t handle = 1; handle <= kSessions; handle++) {
      const auto id = SessionId::from_bytes(std::string(16, static_cast<char>(handle)));
      const std::string key(kCommitKeyBytes, 'k');
      sessions_.emplace(handle, Session{tee::Gate(*id, key, 1 << 20), {}, 0, 0, false, false});
      spool_.open(handle, *id, key);
    }
    spool_.start_stream();
  }

  // offer appends one frame to each session, or closes it, and sends.
  void offer() {
    for (auto& [handle, session] : sessions_) {
      if (session.closed || session.over) continue;
      if (session.gate.offered_seq() < kFramesMax) {
        const tee::FramePtr frame = session.gate.offer(1, FrameKind::kIn, 1, "x");
        session.roots.push_back(frame->root);
        spool_.add(handle, frame);
      } else {
        session.closed = true;
        spool_.close(handle, {kFramesMax, session.roots.back(), std::string(64, 's'), "k"});
      }
    }
    send();
  }

  void take(record::v1::Answer answer) {
    for (record::v1::Durable* durable : {answer.has_bound() ? answer.mutable_bound() : nullptr,
                                         answer.has_durable() ? answer.mutable_durable() : nullptr})
      if (durable != nullptr) fill_root(answer.session_handle(), durable);
    record::v1::RecordResponse response;
    *response.add_answers() = answer;
    std::vector<tee::TeeEvent> events;
    if (!spool_.on_response(response, &events)) spool_.start_stream();
    for (const tee::TeeEvent& event : events) on_event(event);
  }

 private:
  struct Session {
    tee::Gate gate;
    std::vector<Hash> roots;  // the roots of frames 1, 2 ...
    uint64_t sent = 0;
    uint64_t released = 0;
    bool closed = false;
    bool over = false;
  };

  void send() {
    record::v1::RecordRequest request;
    while (spool_.fill(&request)) {
      CHECK(request.items_size() <= 512, request.items_size());
      for (const record::v1::Item& item : request.items()) {
        const auto it = sessions_.find(item.session_handle());
        CHECK(it != sessions_.end() && !it->second.over, item.session_handle());
        it->second.sent = std::max(it->second.sent, item.seq());
      }
      request.Clear();
    }
  }

  void fill_root(uint32_t handle, record::v1::Durable* durable) {
    const auto it = sessions_.find(handle);
    if (it == sessions_.end() || !durable->root().empty()) return;
    // No recorder can know a root that was never sent.
    const std::vector<Hash>& roots = it->second.roots;
    if (durable->seq() > 0 && durable->seq() <= it->second.sent)
      durable->set_root(std::string(view(roots[durable->seq() - 1])));
  }

  void on_event(const tee::TeeEvent& event) {
    Session& session = sessions_.at(event.handle);
    CHECK(!session.over, event.handle);
    if (event.type != tee::TeeEvent::Type::kDurable) {
      if (event.type == tee::TeeEvent::Type::kClosed) CHECK(session.closed);
      session.over = true;
      return;
    }
    CHECK(event.seq > 0 && event.seq <= session.sent, event.seq, session.sent);
    CHECK(event.root == session.roots[event.seq - 1]);
    const absl::Status status = session.gate.durable(event.seq, event.root);
    CHECK(status.ok(), status);
    while (const tee::FramePtr frame = session.gate.release()) {
      session.released++;
      CHECK(frame->frame.seq == session.released && session.released <= event.seq);
    }
    CHECK(session.released == event.seq, session.released, event.seq);
  }

  tee::Spool spool_;
  std::map<uint32_t, Session> sessions_;
};

// The gate alone: it does not trust the spool.
void check_gate(const record::v1::RecordResponse& response) {
  tee::Gate gate(SessionId{}, std::string(kCommitKeyBytes, 'k'), 1 << 20);
  std::vector<Hash> roots;
  for (uint64_t i = 0; i < kFramesMax; i++)
    roots.push_back(gate.offer(1, FrameKind::kIn, i, "x")->root);
  bool failed = false;
  uint64_t durable = 0;
  for (const record::v1::Answer& answer : response.answers()) {
    const uint64_t seq = answer.durable().seq();
    const bool known = seq > 0 && seq <= kFramesMax;
    const Hash root = known && answer.durable().root().empty() ? roots[seq - 1] : Hash{};
    const bool right = seq <= durable || (known && answer.durable().root().empty());
    failed = failed || !right;
    CHECK(gate.durable(seq, root).ok() == !failed, seq);
    if (!failed) durable = std::max(durable, seq);
    uint64_t released = 0;
    while (const tee::FramePtr frame = gate.release()) released = frame->frame.seq;
    CHECK(released <= durable && (released == 0 || !failed), released);
  }
}

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  record::v1::RecordResponse response;
  if (!response.ParseFromArray(data, static_cast<int>(size))) return 0;
  fuzz::check_gate(response);
  fuzz::Writer writer;
  for (const record::v1::Answer& answer : response.answers()) {
    writer.offer();
    writer.take(answer);
  }
  return 0;
}
