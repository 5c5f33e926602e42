// TCP ports of 127.0.0.1. Any thread.
#pragma once

#include <cstdint>

namespace gatetape::tools {

// free_port gives a port that was free a moment ago, 0 when there is none.
uint16_t free_port();
// port_is_free tells whether the port could be listened on just now.
bool port_is_free(uint16_t port);

}  // namespace gatetape::tools
