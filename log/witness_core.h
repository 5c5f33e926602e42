// WitnessCore: what a witness decides (docs/FORMAT.md section 9.8; C2SP tlog-witness). It cosigns a
// checkpoint only when that extends every checkpoint of the same log that it cosigned before. Pure
// behind the port WitnessStore. The caller calls it from one thread at a time, so that a check and
// what it stores are one step.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "log/add_checkpoint.h"
#include "log/checkpoint.h"
#include "log/vkey.h"

namespace gatetape {

// WitnessStore keeps the newest checkpoint of each origin. The caller of WitnessCore owns it.
class WitnessStore {
 public:
  virtual ~WitnessStore() = default;
  // keep makes a checkpoint durable, in the place of the one before of that origin. `note` is the
  // signed note as it came. When keep fails, the store may hold either of the two: no cosignature
  // is given out for the new one.
  virtual absl::Status keep(const std::string& origin, const std::string& note) = 0;
};

// WitnessAnswer is the answer to a request by HTTP.
struct WitnessAnswer {
  int status = 500;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class WitnessCore {
 public:
  // `store` outlives the core. A signer of another type than kCosignature fails a CHECK.
  WitnessCore(NoteSigner signer, WitnessStore& store);

  // trust lets the witness cosign the log whose origin is the name of `log`. A log may have several
  // keys, for a rotation. A key of another type than kEd25519 fails a CHECK.
  void trust(const VerifierKey& log);
  // restore sets the newest checkpoint of an origin, as WitnessStore::keep got it. The signature is
  // not verified: a key may have been rotated since, and a checkpoint that is forgotten lets a log
  // roll back. It fails with INVALID_ARGUMENT when the note is no checkpoint of `origin`, and with
  // ALREADY_EXISTS when the origin has one.
  absl::Status restore(const std::string& origin, std::string_view note);

  // add_checkpoint answers the body of a request, which may be hostile. A checkpoint is kept before
  // it is cosigned. `now_s` is the Unix time of the cosignature.
  WitnessAnswer add_checkpoint(std::string_view body, uint64_t now_s);
  // newest returns the newest checkpoint of an origin, or nullptr. It lives until the next call.
  const Checkpoint* newest(const std::string& origin) const;

 private:
  WitnessAnswer decide(const AddCheckpoint& request, const TrustedCheckpoint& opened,
                       uint64_t now_s);

  const NoteSigner signer_;
  WitnessStore& store_;
  std::map<std::string, std::vector<VerifierKey>> logs_;  // by origin
  std::map<std::string, Checkpoint> newest_;              // by origin; also of logs not trusted now
};

}  // namespace gatetape
