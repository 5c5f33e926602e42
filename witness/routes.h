// Routes: what the witness answers to each request of HTTP, and what it writes into its log.
// WitnessCore decides about checkpoints. The thread of the HTTP server calls it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/os/http_server.h"
#include "log/witness_core.h"

namespace gatetape::witness {

class Routes {
 public:
  // `core` and `clock` outlive the routes. `vkey` is the verifier key of the witness, one line.
  Routes(WitnessCore& core, std::string vkey, const Clock& clock)
      : core_(core), vkey_(std::move(vkey)), clock_(clock) {}

  // answer returns the answer to a request:
  //   POST /add-checkpoint  that of WitnessCore (docs/FORMAT.md section 9.8)
  //   GET /                 the verifier key of the witness, one line
  //   GET /healthz          200, or 503 after a checkpoint could not be stored
  // It returns 405 for another method and 404 for another target.
  HttpResponse answer(const HttpServerRequest& request);

 private:
  HttpResponse add_checkpoint(const std::string& body);
  void log_answer(const WitnessAnswer& answer, const std::string& body);
  HttpResponse health() const;

  WitnessCore& core_;
  const std::string vkey_;
  const Clock& clock_;
  bool is_stored_ = true;        // the last checkpoint that had to be stored was
  int64_t next_refusal_ns_ = 0;  // monotonic; until then refusals have no log line
  uint64_t refusals_unlogged_ = 0;
};

}  // namespace gatetape::witness
