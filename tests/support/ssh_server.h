// ssh_server: an SSH server on the shim, for tests. It serves one connection on a thread of its
// own, keeps everything it is asked, and terminates the inner connection of `ssh -J` on a pipe.
// Commands: "echo" returns its input, "spam" writes until eow@openssh.com, and any other command
// prints "ran".
#pragma once

#include <libssh/callbacks.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "gateway/session/receive_window.h"
#include "gateway/ssh/shim.h"
#include "tests/support/ssh_tools.h"

namespace gatetape::testing {

// Seen is one thing that happened on a connection, in order. Adjacent data is one thing.
struct Seen {
  std::string what;  // the name of a request, "global NAME", "data" or "eof"
  bool want_reply = false;
  std::string data;
};

// SeenLog is shared by the server's thread, which appends, and the thread of the test, which waits
// and reads.
class SeenLog {
 public:
  void add(Seen seen) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (seen.what == "data" && !all_.empty() && all_.back().what == "data") {
      all_.back().data += seen.data;
    } else {
      all_.push_back(std::move(seen));
    }
    changed_.notify_all();
  }
  std::vector<Seen> all() {
    std::lock_guard<std::mutex> lock(mutex_);
    return all_;
  }
  // wait_for waits until something named `what` was seen whose data ends in this text. It returns
  // false after 20 s.
  bool wait_for(const std::string& what, const std::string& data_end = "") {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      return std::any_of(all_.begin(), all_.end(), [&](const Seen& seen) {
        return seen.what == what && seen.data.size() >= data_end.size() &&
               seen.data.substr(seen.data.size() - data_end.size()) == data_end;
      });
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Seen> all_;
};

struct ServerOptions {
  std::string host_certificate;
  std::set<std::string> refused_requests;
  std::string refused_open;  // when it is set, every channel open fails with reason 2 and this text
  std::string accepted_types;  // types of public keys; empty = all, and the method "none" succeeds
  std::vector<std::pair<std::string, std::string>> banners;  // text and language
  bool inner_servers = false;  // a direct-tcpip channel ends in an inner server
};

class ServerSession : public gateway::PacketSink {
 public:
  ServerSession(ssh_bind bind, int fd, bool in_memory, const ServerOptions& options, SeenLog* log)
      : bind_(bind), fd_(fd), options_(options), log_(log), session_(ssh_new()) {
    ssh_set_blocking(session_, 0);
    ssh_set_counters(session_, &socket_counter_, &raw_counter_);
    gateway::set_host_certificate(session_, options.host_certificate);
    gateway::watch_packets(session_, this);
    ssh_options_set(session_, SSH_OPTIONS_COMPRESSION_C_S, "none");
    ssh_options_set(session_, SSH_OPTIONS_COMPRESSION_S_C, "none");
    CHECK(ssh_bind_accept_fd(bind, session_, fd) == SSH_OK);
    ssh_set_auth_methods(session_, SSH_AUTH_METHOD_PUBLICKEY);
    if (!in_memory) gateway::io_attach(fd);
  }
  ~ServerSession() override {
    inner_.reset();
    gateway::forget_packets(session_);
    ssh_free(session_);
    gateway::io_detach(fd_);
  }
  ServerSession(const ServerSession&) = delete;
  ServerSession& operator=(const ServerSession&) = delete;

  // step does what can be done now. It returns true when there is more to do that no descriptor
  // will report.
  bool step() {
    if (!kex_done_) {
      const int rc = ssh_handle_key_exchange(session_);
      if (rc == SSH_ERROR) ended_ = true;
      kex_done_ = rc == SSH_OK;
    }
    if (kex_done_) pump();
    if (ended_) return false;
    const uint64_t seen = socket_counter_.in_bytes;
    bool more = flush();
    if (inner_ != nullptr) more = bridge() || more;
    if (channel_ != nullptr) open_window();
    read_ahead_ = read_ahead_ || gateway::io_readable(fd_);
    return more || gateway::io_readable(fd_) || socket_counter_.in_bytes != seen;
  }
  bool ended() const { return ended_; }
  bool write_pending() const { return (ssh_get_status(session_) & SSH_WRITE_PENDING) != 0; }

  uint64_t auth_messages = 0;
  uint64_t request_messages = 0;
  bool read_ahead() const { return read_ahead_; }
  uint64_t auth_packets() const { return gateway::auth_packets(session_); }

  void on_channel_request(ssh_channel, std::string_view name, bool want_reply,
                          std::string_view data) override {
    log_->add({std::string(name), want_reply, std::string(data)});
    if (want_reply) unanswered_.emplace_back(name, data);
    if (name == "eow@openssh.com") spam_ = false;
  }
  void on_global_request(std::string_view name, bool want_reply, std::string_view data) override {
    log_->add({"global " + std::string(name), want_reply, std::string(data)});
  }

 private:
  void pump() {
    for (int budget = 16; budget > 0; --budget) {
      while (ssh_message message = ssh_message_get(session_)) {
        answer(message);
        ssh_message_free(message);
      }
      if (!gateway::io_readable(fd_)) break;
    }
    if (ssh_is_connected(session_) == 0 ||
        (ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0) {
      ended_ = true;
    }
    // The test must see a login that libssh dropped, because libssh sends no answer to it.
    if (auth_packets() > auth_messages) ended_ = true;
  }

  void answer(ssh_message message) {
    const int type = ssh_message_type(message);
    if (type == SSH_REQUEST_SERVICE) {
      ssh_message_service_reply_success(message);
    } else if (type == SSH_REQUEST_AUTH) {
      ++auth_messages;
      answer_auth(message);
    } else if (type == SSH_REQUEST_CHANNEL_OPEN) {
      answer_open(message);
    } else if (type == SSH_REQUEST_CHANNEL) {
      ++request_messages;
      answer_request(message);
    } else {
      ssh_message_reply_default(message);
    }
  }

  // answer_auth accepts every user. With accepted types it accepts the question for any key of
  // these types and then rejects every signature.
  void answer_auth(ssh_message message) {
    for (const auto& [text, language] : options_.banners)
      gateway::send_banner(session_, text, language);
    if (options_.accepted_types.empty()) {
      ssh_message_auth_reply_success(message, 0);
    } else if (ssh_message_subtype(message) == SSH_AUTH_METHOD_PUBLICKEY) {
      ssh_message_auth_reply_pk_ok_simple(message);
    } else {
      ssh_message_reply_default(message);
    }
  }

  void answer_open(ssh_message message) {
    if (!options_.refused_open.empty()) {
      gateway::refuse_channel_open(message, 2, options_.refused_open);
      return;
    }
    const bool in_memory =
        options_.inner_servers && ssh_message_subtype(message) == SSH_CHANNEL_DIRECT_TCPIP;
    channel_ = ssh_message_channel_request_open_reply_accept(message);
    callbacks_.userdata = this;
    callbacks_.channel_data_function = in_memory ? on_pipe_data : on_data;
    callbacks_.channel_eof_function = on_eof;
    ssh_callbacks_init(&callbacks_);
    ssh_set_channel_callbacks(channel_, &callbacks_);
    if (in_memory) {
      pipe_fd_ = gateway::io_make_pipe();
      inner_ = std::make_unique<ServerSession>(bind_, pipe_fd_, true, options_, log_);
    }
  }

  void answer_request(ssh_message message) {
    CHECK(!unanswered_.empty() && ssh_message_subtype(message) == SSH_CHANNEL_REQUEST_SUBSYSTEM);
    const auto request = unanswered_.front();
    unanswered_.pop_front();
    if (options_.refused_requests.count(request.first) > 0) {
      ssh_message_reply_default(message);
      return;
    }
    ssh_message_channel_request_reply_success(message);
    if (request.first == "shell") echo_ = true;
    if (request.first != "exec") return;
    ByteReader reader(request.second);
    std::string_view command;
    reader.get_string(&command);
    echo_ = command == "echo";
    spam_ = command == "spam";
    if (!echo_) out_ = spam_ ? "" : "ran\n";
    finish_ = !echo_;
  }

  void open_window() {
    const size_t bytes = window_.due(gateway::WindowSizes{}.next(window_));
    if (bytes > 0 && gateway::open_window(channel_, bytes)) window_.on_opened(bytes);
  }

  // flush writes what is waiting. It returns true when bytes moved and more are waiting.
  bool flush() {
    if (!echo_ && !finish_) return false;
    if (spam_ && out_.size() < 4096) out_.append(65536, 'z');
    const bool moved = write_out(&out_);
    if (out_.empty() && !spam_ && (finish_ || (echo_ && eof_)) && !finished_) {
      finished_ = true;
      std::string status;
      put_u32(&status, 0);
      gateway::send_channel_request(channel_, "exit-status", status, false);
      ssh_channel_send_eof(channel_);
      ssh_channel_close(channel_);
    }
    return moved;
  }

  bool write_out(std::string* bytes) {
    size_t sent = 0;
    while (sent < bytes->size() && !write_pending()) {
      const size_t size =
          std::min<size_t>({bytes->size() - sent, 128 * 1024, ssh_channel_window_size(channel_)});
      const int rc = size == 0 ? 0
                               : ssh_channel_write(channel_, bytes->data() + sent,
                                                   static_cast<uint32_t>(size));
      if (rc <= 0) break;
      sent += static_cast<size_t>(rc);
    }
    bytes->erase(0, sent);
    return sent > 0;
  }

  // bridge runs the inner connection and moves what it wrote into the outer channel.
  bool bridge() {
    bool more = inner_->step();
    if (out_.empty() && !gateway::pipe_out(pipe_fd_).empty()) {
      const std::string_view chunk = gateway::pipe_out(pipe_fd_).substr(0, 512 * 1024);
      out_.assign(chunk);
      gateway::pipe_pop(pipe_fd_, chunk.size());
      more = true;
    }
    more = write_out(&out_) || more;
    if (inner_->write_pending() && gateway::pipe_has_room(pipe_fd_)) more = true;
    if (inner_->ended() && out_.empty() && gateway::pipe_out(pipe_fd_).empty() && !finished_) {
      finished_ = true;
      pipe_kept_after_close_ = fcntl(pipe_fd_, F_GETFD) != -1;
      CHECK(pipe_kept_after_close_);
      ssh_channel_close(channel_);
    }
    return more && !finished_;
  }

  static int on_data(ssh_session, ssh_channel, void* data, uint32_t size, int, void* user) {
    auto* self = static_cast<ServerSession*>(user);
    const std::string bytes(static_cast<const char*>(data), size);
    if (!self->finish_ && !self->spam_) self->out_ += bytes;  // "echo" may not be known yet
    self->window_.on_received(size);
    self->window_.on_taken(size);
    self->log_->add({"data", false, bytes});
    return static_cast<int>(size);
  }
  static int on_pipe_data(ssh_session, ssh_channel, void* data, uint32_t size, int, void* user) {
    auto* self = static_cast<ServerSession*>(user);
    gateway::pipe_feed(self->pipe_fd_, {static_cast<const char*>(data), size});
    self->window_.on_received(size);
    self->window_.on_taken(size);
    return static_cast<int>(size);
  }
  static void on_eof(ssh_session, ssh_channel, void* user) {
    auto* self = static_cast<ServerSession*>(user);
    if (self->inner_ != nullptr) {
      gateway::pipe_feed_eof(self->pipe_fd_);
    } else {
      self->eof_ = true;
      self->log_->add({"eof", false, ""});
    }
  }

  ssh_bind bind_;
  int fd_;
  const ServerOptions& options_;
  SeenLog* log_;
  ssh_session session_;
  ssh_channel channel_ = nullptr;
  ssh_channel_callbacks_struct callbacks_{};
  gateway::ReceiveWindow window_{32000};  // as libssh accepts a channel
  ssh_counter_struct socket_counter_{};
  ssh_counter_struct raw_counter_{};
  std::deque<std::pair<std::string, std::string>> unanswered_;
  std::string out_;
  bool kex_done_ = false, ended_ = false, echo_ = false, spam_ = false, eof_ = false;
  bool finish_ = false, finished_ = false, read_ahead_ = false, pipe_kept_after_close_ = false;
  int pipe_fd_ = -1;
  std::unique_ptr<ServerSession> inner_;
};

// ShimServer serves one connection on a free port of 127.0.0.1, with the host key DIR/server_key.
class ShimServer {
 public:
  ShimServer(const TempDir& dir, ServerOptions options)
      : options_(std::move(options)), bind_(ssh_bind_new()) {
    const std::string key = dir.path("server_key");
    if (!std::filesystem::exists(key)) run("ssh-keygen -q -t ed25519 -N '' -f " + key);
    const bool no = false;
    ssh_bind_options_set(bind_, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
    ssh_bind_options_set(bind_, SSH_BIND_OPTIONS_HOSTKEY, key.c_str());
    ssh_bind_options_set(bind_, SSH_BIND_OPTIONS_BANNER,
                         "OpenSSH_9.2");  // so that ssh sends eow@openssh.com
    if (!options_.accepted_types.empty()) {
      ssh_bind_options_set(bind_, SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES,
                           options_.accepted_types.c_str());
    }
    listener_ = listen_loopback(&port_);
    thread_ = std::thread([this] { serve(); });
  }
  ~ShimServer() {
    finish();
    ssh_bind_free(bind_);
    close(listener_);
  }
  ShimServer(const ShimServer&) = delete;
  ShimServer& operator=(const ShimServer&) = delete;

  // finish waits until the connection has ended.
  void finish() {
    if (thread_.joinable()) thread_.join();
  }
  int port() const { return port_; }
  SeenLog& log() { return log_; }

  // The results, valid after finish().
  uint64_t auth_messages = 0, auth_packets = 0, request_messages = 0;
  bool read_ahead = false;

 private:
  void serve() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(fd >= 0);
    ServerSession session(bind_, fd, false, options_, &log_);
    for (bool more = true; !session.ended();) {
      short events = POLLIN;
      if (session.write_pending()) events |= POLLOUT;
      pollfd asked = {fd, events, 0};
      const timespec wait = {more ? 0 : 5, 0};
      ppoll(&asked, 1, &wait, nullptr);  // like epoll, ppoll is not wrapped
      more = session.step();
    }
    auth_messages = session.auth_messages;
    auth_packets = session.auth_packets();
    request_messages = session.request_messages;
    read_ahead = session.read_ahead();
  }

  ServerOptions options_;
  ssh_bind bind_;
  SeenLog log_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace gatetape::testing
