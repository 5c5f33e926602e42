// HttpServer: a small HTTP/1.1 server for a daemon that answers few short requests, through
// Boost.Beast. It answers one request per connection and closes the connection, so that each
// connection has one deadline. The main thread owns it; one thread of its own does all work and
// calls the handler, so that the handler never runs twice at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/os/http_message.h"

namespace gatetape {

struct HttpServerOptions {
  std::string listen;         // ADDRESS:PORT; with port 0 the system chooses a port
  std::string certificate{};  // PEM file of the chain; empty: http instead of https
  std::string key{};          // PEM file of the private key of the certificate
  // Largest body of a request, in bytes. A longer one is answered with 413.
  size_t body_bytes_max = size_t{64} << 10;
  // Connections at the same time, in total and per address of a client. A connection above a limit
  // is closed without an answer. One address alone must not keep all others out.
  size_t connections_max = 64;
  size_t connections_per_address_max = 16;
  // Time for the TLS handshake and the request, and again for the answer. A connection that needs
  // longer is closed.
  uint32_t timeout_ms = 5000;
};

struct HttpServerRequest {
  std::string method;  // in capitals
  std::string target;  // as the client sent it: a path, and a query behind a question mark
  std::string body;
};

class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpServerRequest&)>;

  // start listens and starts the thread. It fails with INVALID_ARGUMENT for an address that is not
  // ADDRESS:PORT and for a certificate or key that cannot be used, and with UNAVAILABLE when it
  // cannot listen. The handler must not throw.
  static absl::StatusOr<std::unique_ptr<HttpServer>> start(const HttpServerOptions& options,
                                                           Handler handler);
  // The destructor closes all connections and waits for the thread.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // port returns the port that it listens on.
  uint16_t port() const;

 private:
  class Loop;
  explicit HttpServer(std::unique_ptr<Loop> loop);
  const std::unique_ptr<Loop> loop_;
};

}  // namespace gatetape
