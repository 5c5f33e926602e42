// Rules: a double of a gateway's access rules and of its own session on the record: the real Access
// over files that chance writes, read again at any time; each load, and each session that is turned
// away, is a frame. Owned by its run.
#pragma once

#include <optional>

#include "policy/access.h"
#include "tests/sim/recording.h"

namespace gatetape::sim {

class Rules : public Recording::Owner {
 public:
  // The first load gives `first`.
  Rules(World* world, Oracle* oracle, Link* link, const SigningKey* key, const Allowed& first);
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;

  // draw gives what a file may allow alice.
  static Allowed draw(Rng& rng);
  // load reads the file again, which may be broken: then the old rules stay.
  void load(const Allowed& next, bool broken);
  // admit decides on a session of alice; one that is turned away is recorded. Nobody is admitted
  // when nothing can be recorded.
  std::optional<Grant> admit();
  // stop ends the record.
  void stop() { recording_.stop(); }
  // allowed is what the file that counts says, in the harness's own words.
  const Allowed& allowed() const { return allowed_; }
  uint64_t number() const { return recording_.number(); }

  void on_released(tee::FramePtr) override {}
  void on_record_failed(const std::string&) override { failed_ = true; }

 private:
  World* const world_;
  Oracle* const oracle_;
  Recording recording_;
  Access access_;
  Allowed allowed_;
  bool failed_ = false;
};

}  // namespace gatetape::sim
