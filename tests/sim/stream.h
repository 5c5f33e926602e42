// Stream: a double of recorder/stream. The real one is threads around a gRPC call; what it decides
// between them is copied here step by step, around the real Ingest and Outbox. Owned by its
// recorder.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "recorder/ingest.h"
#include "recorder/outbox.h"
#include "tests/sim/oracle.h"
#include "tests/sim/wire.h"

namespace gatetape::sim {

class Stream : public recorder::Lane,
               public Wire::RecorderEnd,
               public std::enable_shared_from_this<Stream> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual bool has_room() const = 0;
    virtual void submit(std::vector<recorder::Work> work) = 0;
    virtual void on_gone(Stream* stream) = 0;
  };

  Stream(World* world, Oracle* oracle, Owner* owner, const SigningKey* key,
         std::shared_ptr<Wire> wire)
      : world_(world), oracle_(oracle), owner_(owner), key_(key), wire_(std::move(wire)) {}

  void drain();
  // die: the process is gone; nothing is answered any more.
  void die();

  bool has_room() const override { return owner_->has_room(); }
  void on_message(Message message) override;
  void on_half_close() override;

  void on_bound(uint32_t handle, const recorder::Tail& tail) override;
  void on_durable(uint32_t handle, uint64_t seq, const Hash& root) override;
  void on_closed(uint32_t handle, const recorder::SignedHead& head) override;
  void on_refused(uint32_t handle, const recorder::Refusal& refusal) override;
  void on_failed(const absl::Status& why) override;
  void on_finished() override;

 private:
  using Verdict = recorder::Ingest::Verdict;

  void take_tails();
  Verdict take_item(record::v1::Item* item, std::vector<recorder::Work>* work);
  Verdict take_frame(record::v1::Item* item, recorder::Ingest* ingest,
                     std::vector<recorder::Work>* work);
  Verdict take_close(uint32_t handle, const record::v1::Close& close, recorder::Ingest* ingest,
                     std::vector<recorder::Work>* work);
  void check_odd(Message::Odd odd, uint32_t handle, const SessionId& id, Verdict verdict);
  recorder::Work work_of(recorder::Work::Kind kind, uint32_t handle,
                         const recorder::Ingest& ingest);
  void wake_writer();
  void write_answers();

  World* const world_;
  Oracle* const oracle_;
  Owner* const owner_;
  const SigningKey* const key_;
  const std::shared_ptr<Wire> wire_;  // shared with the link
  std::map<uint32_t, recorder::Ingest> sessions_;
  std::set<uint32_t> refused_;  // by ingest
  std::set<uint32_t> closed_;
  recorder::Outbox outbox_;
  std::vector<std::pair<uint32_t, recorder::Tail>> tails_;
  bool ended_ = false;
  bool dead_ = false;
  bool half_closed_ = false;
  bool finished_ = false;
  bool draining_ = false;
  bool told_draining_ = false;
  bool writing_ = false;
};

}  // namespace gatetape::sim
