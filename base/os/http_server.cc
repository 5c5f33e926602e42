#include "base/os/http_server.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/endpoint.h"

namespace gatetape {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using Error = boost::system::error_code;
using TlsContext = asio::ssl::context;

// Largest size of the headers of a request, in bytes. More of them are answered with 431.
constexpr uint32_t kHeaderBytesMax = 8 << 10;
// Pause after a connection could not be accepted, for example because there was no descriptor.
constexpr std::chrono::milliseconds kAcceptPause(100);

// Connections counts the open connections. One thread.
class Connections {
 public:
  explicit Connections(const HttpServerOptions& options) : options_(options) {}
  // enter returns false when a connection of this address is above a limit.
  bool enter(const std::string& address) {
    const auto found = by_address_.find(address);
    const size_t of_address = found == by_address_.end() ? 0 : found->second;
    if (count_ >= options_.connections_max || of_address >= options_.connections_per_address_max)
      return false;
    count_++;
    by_address_[address]++;
    return true;
  }
  void leave(const std::string& address) {
    const auto found = by_address_.find(address);
    CHECK(found != by_address_.end() && found->second > 0, address);
    count_--;
    if (--found->second == 0) by_address_.erase(found);
  }

 private:
  const HttpServerOptions& options_;
  size_t count_ = 0;
  std::map<std::string, size_t> by_address_;
};

// Shared is what all connections use. The loop owns it and outlives them.
struct Shared {
  HttpServerOptions options;
  HttpServer::Handler handler;
  Connections connections{options};
};

// status_of returns the answer to a request that could not be read, or nothing when there is nobody
// to answer.
std::optional<http::status> status_of(const Error& error) {
  if (error == http::error::body_limit) return http::status::payload_too_large;
  if (error == http::error::header_limit) return http::status::request_header_fields_too_large;
  const bool is_malformed =
      error.category() == make_error_code(http::error::bad_method).category() &&
      error != http::error::end_of_stream && error != http::error::partial_message;
  if (is_malformed) return http::status::bad_request;
  return std::nullopt;
}

// Connection reads one request, answers it, and waits until the client has closed. `Stream` is a
// beast::tcp_stream, or an ssl_stream over one. The callbacks of its pending operation own it.
template <typename Stream>
class Connection : public std::enable_shared_from_this<Connection<Stream>> {
 public:
  template <typename... Arguments>
  Connection(Shared& shared, std::string address, Arguments&&... arguments)
      : shared_(shared),
        address_(std::move(address)),
        stream_(std::forward<Arguments>(arguments)...) {
    parser_.header_limit(kHeaderBytesMax);
    parser_.body_limit(shared_.options.body_bytes_max);
  }
  ~Connection() { shared_.connections.leave(address_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    set_deadline();
    if constexpr (kIsTls)
      stream_.async_handshake(asio::ssl::stream_base::server, next(&Connection::on_handshake));
    else
      read();
  }

 private:
  static constexpr bool kIsTls = !std::is_same_v<Stream, beast::tcp_stream>;

  // next returns a callback that owns this connection and calls a member with the error alone.
  auto next(void (Connection::*member)(const Error&)) {
    return [self = this->shared_from_this(), member](const Error& error, auto...) {
      ((*self).*member)(error);
    };
  }
  void set_deadline() {
    beast::get_lowest_layer(stream_).expires_after(
        std::chrono::milliseconds(shared_.options.timeout_ms));
  }
  void on_handshake(const Error& error) {
    if (!error) read();
  }
  void read() { http::async_read(stream_, buffer_, parser_, next(&Connection::on_read)); }
  void on_read(const Error& error) {
    if (!error) return answer(handle());
    const std::optional<http::status> status = status_of(error);
    if (!status) return;
    answer({static_cast<int>(*status), "text/plain; charset=utf-8",
            absl::StrCat(std::string(http::obsolete_reason(*status)), "\n")});
  }
  HttpResponse handle() {
    http::request<http::string_body>& request = parser_.get();
    return shared_.handler({std::string(request.method_string()), std::string(request.target()),
                            std::move(request.body())});
  }
  void answer(HttpResponse made) {
    response_.result(static_cast<unsigned>(made.status));
    response_.set(http::field::content_type, made.content_type);
    response_.set(http::field::cache_control, "no-store");
    response_.keep_alive(false);
    response_.body() = std::move(made.body);
    response_.prepare_payload();
    set_deadline();
    http::async_write(stream_, response_, next(&Connection::on_written));
  }
  void on_written(const Error& error) {
    if (error) return;
    if constexpr (kIsTls)
      stream_.async_shutdown(next(&Connection::on_tls_end));
    else
      on_tls_end({});
  }
  // on_tls_end sends FIN. A socket that is closed while bytes of the client are unread sends RST,
  // which may destroy the answer before the client has read it, so the rest of a request is read.
  void on_tls_end(const Error&) {
    Error ignored;
    beast::get_lowest_layer(stream_).socket().shutdown(Tcp::socket::shutdown_send, ignored);
    drain({});
  }
  void drain(const Error& error) {
    if (error) return;
    beast::get_lowest_layer(stream_).async_read_some(asio::buffer(discarded_),
                                                     next(&Connection::drain));
  }

  Shared& shared_;
  const std::string address_;
  Stream stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::string_body> parser_;
  http::response<http::string_body> response_;
  std::array<char, 4096> discarded_;
};

absl::StatusOr<Tcp::endpoint> endpoint_of(const std::string& listen) {
  const absl::StatusOr<HostPort> parsed = parse_host_port(listen);
  Error error;
  const asio::ip::address address =
      parsed.ok() ? asio::ip::make_address(parsed->host, error) : asio::ip::address{};
  if (!parsed.ok() || error)
    return absl::InvalidArgumentError(
        absl::StrCat("listen ", listen, " is not ADDRESS:PORT with a numeric address"));
  return Tcp::endpoint(address, parsed->port);
}

// load_tls reads certificate and key. The files are not asked for a passphrase on a terminal.
absl::Status load_tls(const HttpServerOptions& options, TlsContext* tls) {
  Error error;
  tls->set_options(TlsContext::default_workarounds | TlsContext::no_tlsv1 | TlsContext::no_tlsv1_1);
  tls->set_password_callback([](size_t, TlsContext::password_purpose) { return std::string(); });
  tls->use_certificate_chain_file(options.certificate, error);
  if (error)
    return absl::InvalidArgumentError(
        absl::StrCat(options.certificate, " is no PEM certificate: ", error.message()));
  tls->use_private_key_file(options.key, TlsContext::pem, error);
  if (error)
    return absl::InvalidArgumentError(absl::StrCat(options.key, " is not the PEM key of ",
                                                   options.certificate, ": ", error.message()));
  return absl::OkStatus();
}

}  // namespace

// Loop accepts connections. All members are used by its thread after start.
class HttpServer::Loop {
 public:
  Loop(const HttpServerOptions& options, Handler handler) : shared_{options, std::move(handler)} {}
  ~Loop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  absl::Status start() {
    const absl::StatusOr<Tcp::endpoint> endpoint = endpoint_of(shared_.options.listen);
    if (!endpoint.ok()) return endpoint.status();
    if (!shared_.options.certificate.empty()) {
      if (absl::Status status = load_tls(shared_.options, &tls_.emplace(TlsContext::tls_server));
          !status.ok())
        return status;
    }
    if (absl::Status status = listen(*endpoint); !status.ok()) return status;
    accept();
    thread_ = std::thread([this] { io_.run(); });
    return absl::OkStatus();
  }
  uint16_t port() const { return port_; }

 private:
  absl::Status listen(const Tcp::endpoint& endpoint) {
    Error error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    if (!error) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", shared_.options.listen, ": ", error.message()));
  }
  void accept() {
    acceptor_.async_accept([this](const Error& error, Tcp::socket socket) {
      if (error) return pause();
      serve(std::move(socket));
      accept();
    });
  }
  void pause() {
    timer_.expires_after(kAcceptPause);
    timer_.async_wait([this](const Error&) { accept(); });
  }
  void serve(Tcp::socket socket) {
    Error error;
    const Tcp::endpoint peer = socket.remote_endpoint(error);
    if (error) return;
    std::string address = peer.address().to_string();
    if (!shared_.connections.enter(address)) return;
    if (tls_)
      std::make_shared<Connection<beast::ssl_stream<beast::tcp_stream>>>(
          shared_, std::move(address), std::move(socket), *tls_)
          ->start();
    else
      std::make_shared<Connection<beast::tcp_stream>>(shared_, std::move(address),
                                                      std::move(socket))
          ->start();
  }

  // The order matters: the io_context destroys what its pending callbacks own, which uses
  // `shared_`.
  Shared shared_;
  std::optional<TlsContext> tls_;
  asio::io_context io_{1};
  Tcp::acceptor acceptor_{io_};
  asio::steady_timer timer_{io_};
  uint16_t port_ = 0;
  std::thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::start(const HttpServerOptions& options,
                                                              Handler handler) {
  auto loop = std::make_unique<Loop>(options, std::move(handler));
  if (absl::Status status = loop->start(); !status.ok()) return status;
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(loop)));
}

uint16_t HttpServer::port() const { return loop_->port(); }

}  // namespace gatetape
