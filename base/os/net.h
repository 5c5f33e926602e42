// The options that a daemon sets on every TCP connection. Any thread.
#pragma once

namespace gatetape {

// set_connection_options sets TCP_NODELAY and keep-alive probes, and limits to 60 s how long sent
// data may stay without an acknowledgement of the peer. A connection to a machine that vanished
// ends after that time. Errors are ignored, because the connection also works without the options.
void set_connection_options(int fd);

}  // namespace gatetape
