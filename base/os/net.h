// Options of TCP sockets that every connection of a daemon has. Any thread.
#pragma once

namespace gatetape {

// set_connection_options sets TCP_NODELAY, keep-alive probes, and a limit of 60 s for data that the
// peer does not acknowledge: a connection to a machine that vanished ends then. Failures are
// ignored: the connection works without the options.
void set_connection_options(int fd);

}  // namespace gatetape
