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

absl::StatusOr<std::unique_ptr<Sealer>> make_sealer(const Config& config,
                                                    const TrustedKeys& trusted,
                                                    const PublicKey& own) {
  const std::string database = log_database(config);
  if (database.empty()) return nullptr;
  absl::StatusOr<NoteSigner> signer = load_log_key(config);
  if (!signer.ok()) return signer.status();
  return std::make_unique<Sealer>(
      Sealer::Options{.store = std::make_unique<PgSealStore>(database),
                      .publish_dir = config.log.publish_dir,
                      .signer = *std::move(signer),
                      .keys = wanted_keys(trusted.writers, trusted.recorders, own),
                      .recorders = trusted.recorders,
                      .clock = system_clock()});
}

}  // namespace gatetape::auditd
