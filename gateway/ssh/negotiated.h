// The algorithms that an SSH connection agreed on, as fields of an event (docs/FORMAT.md). Session
// loop only.
#pragma once

#include <libssh/libssh.h>

#include "record/event.h"

namespace gatetape::gateway {

// add_user_algorithms adds what the user's connection uses: the host key and both directions, `in`
// from the user.
void add_user_algorithms(ssh_session session, Event* event);
// add_target_algorithms adds what the connection to a target uses in the direction to it.
void add_target_algorithms(ssh_session session, Event* event);

}  // namespace gatetape::gateway
