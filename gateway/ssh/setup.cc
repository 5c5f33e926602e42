#include "gateway/ssh/setup.h"

#include <utility>

#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "formats/key_types.h"
#include "formats/openssh_key.h"

namespace gatetape::gateway {
namespace {

// Algorithms for targets: more than for clients, for appliances, and none that is known to be
// broken.
constexpr const char* kTargetKeyExchange =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384";
constexpr const char* kTargetMacs =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
constexpr const char* kTargetCiphers =
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,"
    "aes128-ctr";

// user_key_algorithms returns the signature algorithms of all key types, in the order of
// preference.
std::string user_key_algorithms() {
  std::string list;
  for (const SshKeyType& type : kSshKeyTypes)
    list += (list.empty() ? "" : ",") + std::string(type.signatures);
  return list;
}

}  // namespace

std::string host_key_algorithms(const std::vector<std::string>& blobs) {
  std::string list;
  for (const std::string& blob : blobs) {
    std::string_view type;
    ByteReader reader(blob);
    if (!reader.get_string(&type)) continue;
    const SshKeyType* known = find_key_type(type);
    const std::string names(known == nullptr ? type : known->signatures);
    // The commas on both sides make the search compare whole names.
    if (("," + list + ",").find("," + names + ",") != std::string::npos) continue;
    list += (list.empty() ? "" : ",") + names;
  }
  return list;
}

absl::StatusOr<ssh_bind> make_bind(const SigningKey& host_key, const SshAlgorithms& algorithms) {
  const std::string text = openssh_private_key(host_key, "gatetape");
  ssh_key key = nullptr;
  if (ssh_pki_import_privkey_base64(text.c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK)
    return absl::InternalError("libssh does not accept the host key");
  ssh_bind bind = ssh_bind_new();
  const bool no = false;
  const int rsa_bits = 2048;
  const std::string user_keys = user_key_algorithms();
  const std::string kex = absl::StrJoin(algorithms.kex, ",");
  const std::string ciphers = absl::StrJoin(algorithms.ciphers, ",");
  const std::string macs = absl::StrJoin(algorithms.macs, ",");
  const std::vector<std::pair<enum ssh_bind_options_e, const void*>> options = {
      {SSH_BIND_OPTIONS_PROCESS_CONFIG, &no},
      {SSH_BIND_OPTIONS_IMPORT_KEY, key},
      // An OpenSSH client sends eow@openssh.com only to a server of this name. The request reports
      // that the output is not read any more, so that `ssh HOST COMMAND | head` ends the command.
      {SSH_BIND_OPTIONS_BANNER, "OpenSSH_gatetape"},
      {SSH_BIND_OPTIONS_KEY_EXCHANGE, kex.c_str()},
      {SSH_BIND_OPTIONS_CIPHERS_C_S, ciphers.c_str()},
      {SSH_BIND_OPTIONS_CIPHERS_S_C, ciphers.c_str()},
      {SSH_BIND_OPTIONS_HMAC_C_S, macs.c_str()},
      {SSH_BIND_OPTIONS_HMAC_S_C, macs.c_str()},
      {SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, "ssh-ed25519"},
      {SSH_BIND_OPTIONS_RSA_MIN_SIZE, &rsa_bits},
      {SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, user_keys.c_str()},
  };
  for (const auto& [option, value] : options) {
    if (ssh_bind_options_set(bind, option, value) == SSH_OK) continue;
    const std::string error = ssh_get_error(bind);
    ssh_bind_free(bind);
    return absl::InternalError("libssh rejects an option: " + error);
  }
  return bind;
}

absl::Status set_client_options(ssh_session session, int fd,
                                const std::vector<std::string>& host_key_blobs) {
  const bool no = false;
  const std::string host_keys = host_key_algorithms(host_key_blobs);
  const std::vector<std::pair<enum ssh_options_e, const void*>> options = {
      {SSH_OPTIONS_PROCESS_CONFIG, &no},
      {SSH_OPTIONS_FD, &fd},
      {SSH_OPTIONS_KNOWNHOSTS, "/dev/null"},
      {SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"},
      {SSH_OPTIONS_KEY_EXCHANGE, kTargetKeyExchange},
      {SSH_OPTIONS_CIPHERS_C_S, kTargetCiphers},
      {SSH_OPTIONS_CIPHERS_S_C, kTargetCiphers},
      {SSH_OPTIONS_HMAC_C_S, kTargetMacs},
      {SSH_OPTIONS_HMAC_S_C, kTargetMacs},
      {SSH_OPTIONS_HOSTKEYS, host_keys.c_str()},
  };
  for (const auto& [option, value] : options)
    if (ssh_options_set(session, option, value) != SSH_OK)
      return absl::InternalError(std::string("libssh rejects an option: ") +
                                 ssh_get_error(session));
  return absl::OkStatus();
}

std::string key_blob(ssh_key key) {
  char* text = nullptr;
  std::string blob;
  if (key == nullptr || ssh_pki_export_pubkey_base64(key, &text) != SSH_OK) return blob;
  if (!from_base64(text, &blob)) blob.clear();
  ssh_string_free_char(text);
  return blob;
}

}  // namespace gatetape::gateway
