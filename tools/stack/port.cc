#include "tools/stack/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/os/fd.h"

namespace gatetape::tools {
namespace {

// bound_port binds 127.0.0.1:port (0 = any port) for a moment. It returns the port; 0 when it
// cannot.
uint16_t bound_port(uint16_t port) {
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd.get(), generic, length) != 0 || listen(fd.get(), 1) != 0) return 0;
  if (getsockname(fd.get(), generic, &length) != 0) return 0;
  return ntohs(address.sin_port);
}

}  // namespace

uint16_t free_port() { return bound_port(0); }

bool port_is_free(uint16_t port) { return port != 0 && bound_port(port) == port; }

}  // namespace gatetape::tools
