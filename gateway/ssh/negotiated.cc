#include "gateway/ssh/negotiated.h"

#include "gateway/ssh/shim.h"

namespace gatetape::gateway {
namespace {

void add(Event* event, std::string_view key, const char* algorithm) {
  if (algorithm != nullptr) event->add(key, algorithm);
}

}  // namespace

void add_user_algorithms(ssh_session session, Event* event) {
  add(event, "kex", ssh_get_kex_algo(session));
  add(event, "host_key_algorithm", host_key_algorithm(session));
  add(event, "cipher_in", ssh_get_cipher_in(session));
  add(event, "cipher_out", ssh_get_cipher_out(session));
  add(event, "mac_in", ssh_get_hmac_in(session));
  add(event, "mac_out", ssh_get_hmac_out(session));
}

void add_target_algorithms(ssh_session session, Event* event) {
  add(event, "kex", ssh_get_kex_algo(session));
  add(event, "cipher", ssh_get_cipher_out(session));
  add(event, "mac", ssh_get_hmac_out(session));
}

}  // namespace gatetape::gateway
