// make_sealer makes the sealer that the configuration of auditd asks for. Main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "auditd/seal/sealer.h"
#include "base/os/metrics.h"
#include "policy/config.h"
#include "record/verify.h"

namespace gatetape::auditd {

// load_log_key returns the signer of the log's checkpoints. It fails as SigningKey::load does, and
// with INVALID_ARGUMENT when [log] origin is no name of a key.
absl::StatusOr<NoteSigner> load_log_key(const Config& config);

// log_database returns the conninfo of the sequencer; empty when this auditd seals nothing.
// `gatetape up` names one in GATETAPE_LOG_DATABASE for a gatetape.toml that an older version wrote.
std::string log_database(const Config& config);

// read_witnesses returns the verifier keys of the witnesses. It fails with INVALID_ARGUMENT when
// one is no key of type 0x04.
absl::StatusOr<std::vector<VerifierKey>> read_witnesses(const LogConfig& log);

// log_figures returns the figures of a sealer, which outlives them.
std::vector<Metrics::Figure> log_figures(Sealer& sealer);

// make_sealer returns the sealer, or null when this auditd seals nothing. `own` is the key that
// signs auditd's own record. It fails as load_log_key does.
absl::StatusOr<std::unique_ptr<Sealer>> make_sealer(const Config& config,
                                                    const TrustedKeys& trusted,
                                                    const PublicKey& own);

}  // namespace gatetape::auditd
