// TCP ports of 127.0.0.1. Any thread.
#pragma once

#include <cstdint>

namespace gatetape::tools {

// free_port returns a port that was free a moment ago; 0 when there is none.
uint16_t free_port();
// port_is_free returns true when a program can listen on the port now.
bool port_is_free(uint16_t port);

}  // namespace gatetape::tools
