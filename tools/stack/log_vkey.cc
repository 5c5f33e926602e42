#include "tools/stack/log_vkey.h"

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/toml.h"
#include "log/vkey.h"

namespace gatetape::tools {
namespace {

constexpr char kFile[] = "keys/log.vkey";

}  // namespace

absl::Status write_log_vkey(const StateDir& state, const Config& config) {
  if (!is_key_name(config.log.origin))
    return absl::InvalidArgumentError("[log] origin \"" + printable(config.log.origin) +
                                      "\" must not hold a space or a plus sign: correct it in " +
                                      config.path);
  const absl::StatusOr<SigningKey> key = SigningKey::load(config.auditd.log_key);
  if (!key.ok()) return key.status();
  const VerifierKey vkey{config.log.origin, NoteKeyType::kEd25519, key->public_key()};
  const absl::StatusOr<std::string> text = read_whole_file(state.file(kFile));
  if (absl::IsNotFound(text.status()))
    return state.write_file({.name = kFile, .text = vkey.to_text() + "\n", .mode = 0644});
  if (!text.ok()) return text.status();
  const auto known = VerifierKey::from_text(text->substr(0, text->find('\n')));
  if (!known.ok())
    return absl::FailedPreconditionError(state.file(kFile) +
                                         " is no verifier key: restore it from a backup");
  if (*known == vkey) return absl::OkStatus();
  if (known->key.raw == vkey.key.raw)
    return absl::FailedPreconditionError(
        "the log is named " + known->name + " in " + state.file(kFile) + ", and now " + vkey.name +
        ": write origin = \"" + known->name + "\" under [log] in " + config.path);
  return absl::FailedPreconditionError(config.auditd.log_key + " is not the key of " +
                                       state.file(kFile) + ": restore the log key from a backup");
}

}  // namespace gatetape::tools
