// Link: a double of tee/record_link around the real Spool. It calls the spool as the link's writer,
// reader and watchdog threads do. A stream can break at any message; the next stream goes to the
// other recorder.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tee/spool.h"
#include "tests/sim/recorder.h"

namespace gatetape::sim {

class Link : public Wire::LinkEnd {
 public:
  // Sink accepts the events of one session.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void on_event(const tee::TeeEvent& event) = 0;
  };

  Link(World* world, Oracle* oracle, std::array<Recorder*, 2> recorders);

  // open starts a session. Its handle is its number.
  void open(uint64_t session, const SessionId& id, const std::string& commit_key, Sink* sink);
  void add(uint64_t session, tee::FramePtr frame);
  void close(uint64_t session, tee::CloseItem close);
  void forget(uint64_t session);
  // cut breaks the stream, as a network fault does.
  void cut();

  void on_response(const Wire* wire, const record::v1::RecordResponse& response) override;
  void on_end(const Wire* wire) override;
  void on_room() override { pump_soon(); }

 private:
  void connect();
  void drop();
  void drop_soon();
  void pump_soon();
  void pump();
  void send(record::v1::RecordRequest request);
  void send_part(record::v1::RecordRequest request);
  void spoil(Message* message);
  void watch();
  void deliver_inbox();

  World* const world_;
  Oracle* const oracle_;
  const std::array<Recorder*, 2> recorders_;
  tee::Spool spool_;
  std::map<uint32_t, Sink*> sinks_;
  std::shared_ptr<Wire> wire_;  // shared with the recorder's stream
  std::vector<tee::TeeEvent> inbox_;
  size_t at_ = 0;
  int64_t backoff_ns_ = 20 * kMs;
  int64_t patience_ns_ = 5 * kS;
  int64_t progress_ns_ = 0;
  bool pumping_ = false;
  bool draining_ = false;
  bool answered_ = false;
};

}  // namespace gatetape::sim
