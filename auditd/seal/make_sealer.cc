#include "auditd/seal/make_sealer.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "auditd/seal/pg_seal_store.h"
#include "base/bytes.h"

namespace gatetape::auditd {

absl::StatusOr<NoteSigner> load_log_key(const Config& config) {
  if (!is_key_name(config.log.origin))
    return absl::InvalidArgumentError(
        absl::StrCat("[log] origin \"", printable(config.log.origin),
                     "\" must not hold a space or a plus sign: correct it in ", config.path));
  absl::StatusOr<SigningKey> key = SigningKey::load(config.auditd.log_key);
  if (!key.ok())
    return absl::Status(key.status().code(), absl::StrCat("the log key: ", key.status().message()));
  return NoteSigner{config.log.origin, NoteKeyType::kEd25519, *std::move(key)};
}

std::string log_database(const Config& config) {
  if (!config.auditd.log_database.empty()) return config.auditd.log_database;
  const char* given = std::getenv("GATETAPE_LOG_DATABASE");
  return given == nullptr ? "" : given;
}

absl::StatusOr<std::vector<VerifierKey>> read_witnesses(const LogConfig& log) {
  std::vector<VerifierKey> keys;
  for (const LogWitness& witness : log.witnesses) {
    const absl::StatusOr<VerifierKey> key = VerifierKey::from_text(witness.key);
    if (!key.ok() || key->type != NoteKeyType::kCosignature)
      return absl::InvalidArgumentError(
          absl::StrCat("the key of the witness ", printable(witness.url),
                       " is no verifier key of type 04: copy the line that it printed"));
    keys.push_back(*key);
  }
  return keys;
}

std::vector<Metrics::Figure> log_figures(Sealer& sealer) {
  using Kind = Metrics::Kind;
  Metrics::Figure witnesses{Kind::kGauge, "gatetape_log_witness_ok",
                            "1 while nothing is wrong with a witness.", "witness", [&sealer] {
                              std::vector<Metrics::Sample> samples;
                              for (const WitnessState& one : sealer.state().witnesses)
                                samples.push_back({one.name, one.is_ok ? 1.0 : 0.0});
                              return samples;
                            }};
  return {
      Metrics::figure(Kind::kGauge, "gatetape_log_lag_seconds",
                      "Age of the oldest entry that has no place in the log.",
                      [&sealer] { return sealer.state().lag_s; }),
      Metrics::figure(Kind::kGauge, "gatetape_log_size", "Leaves of the log.",
                      [&sealer] { return static_cast<double>(sealer.state().size); }),
      Metrics::figure(Kind::kGauge, "gatetape_log_sequencing", "1 while this auditd sequences.",
                      [&sealer] {
                        const bool seals = sealer.state().state == SequencerCore::State::kSealing;
                        return seals ? 1.0 : 0.0;
                      }),
      Metrics::figure(Kind::kCounter, "gatetape_log_refused_entries_total",
                      "Entries that no recorder of auditd.recorder_keys signed.",
                      [&sealer] { return static_cast<double>(sealer.state().refused_entries); }),
      witnesses};
}

absl::StatusOr<std::unique_ptr<Sealer>> make_sealer(const Config& config,
                                                    const TrustedKeys& trusted,
                                                    const PublicKey& own) {
  const std::string database = log_database(config);
  if (database.empty()) return nullptr;
  absl::StatusOr<NoteSigner> signer = load_log_key(config);
  if (!signer.ok()) return signer.status();
  const absl::StatusOr<std::vector<VerifierKey>> keys = read_witnesses(config.log);
  if (!keys.ok()) return keys.status();
  std::vector<Sealer::Options::Witness> witnesses;
  for (size_t i = 0; i < keys->size(); i++)
    witnesses.push_back({(*keys)[i], config.log.witnesses[i].url});
  return std::make_unique<Sealer>(
      Sealer::Options{.store = std::make_unique<PgSealStore>(database),
                      .publish_dir = config.log.publish_dir,
                      .signer = *std::move(signer),
                      .keys = wanted_keys(trusted.writers, trusted.recorders, own),
                      .recorders = trusted.recorders,
                      .witnesses = std::move(witnesses),
                      .clock = system_clock()});
}

}  // namespace gatetape::auditd
