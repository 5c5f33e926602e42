// ssh_shim_rekey: lets libssh accept what a peer sends between its own SSH_MSG_KEXINIT and
// SSH_MSG_NEWKEYS, as OpenSSH does. It works by the linker's --wrap alone; only its state must be
// removed. Session loop only.
#pragma once

#include <libssh/libssh.h>

namespace gatetape::gateway {

// forget_key_exchange removes the state of a session. forget_packets calls it.
void forget_key_exchange(ssh_session session);

}  // namespace gatetape::gateway
