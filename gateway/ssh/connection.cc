#include "gateway/ssh/connection.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/endpoint.h"
#include "base/os/daemon.h"
#include "formats/openssh_key.h"
#include "formats/ssh_certificate.h"
#include "policy/channel_rules.h"

namespace gatetape::gateway {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kRecordingLimitNs = 5 * kSecondNs;
// The same for a refused login, whose answer may wait for the end of a window besides.
constexpr int64_t kRefusalLimitNs = kRecordingLimitNs + RefusalWindows::kPeriodNs;
// Time in which a client must send its version. Afterwards it is disconnected, so that connections
// that do nothing do not occupy the places of those who log in.
constexpr int64_t kSilenceLimitNs = 10 * kSecondNs;
constexpr size_t kHostBytesMax = 255;  // of the target that an outer connection asks for
constexpr uint64_t kDenialsMax = 100;  // of one outer connection: each is a frame

// A host certificate for the name that the user asked for: one @cert-authority line covers all
// targets.
std::string host_certificate(const Services& services, const AccessTarget& target) {
  CertificateRequest request;
  request.public_key = services.host_key.raw;
  request.host = true;
  request.key_id = "gatetape host " + target.name;
  request.principals = {target.name};
  if (target.host != target.name) request.principals.push_back(target.host);
  const auto now_s = static_cast<uint64_t>(services.clock.wall_ns() / kSecondNs);
  request.valid_after = now_s - 300;
  request.valid_before = now_s + 24 * 3600;
  return mint_certificate(services.host_ca, request);
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

std::unique_ptr<Connection> Connection::accept(Loop& loop, Services& services, ssh_bind bind,
                                               const Accepted& accepted) {
  std::unique_ptr<Connection> connection(
      new Connection(loop, services, bind, accepted.fd, std::nullopt));
  connection->source_ = accepted.source;
  connection->facts_.emplace(connection->id_, accepted.source, services.clock.wall_ns());
  connection->counted_as_ = accepted.counted_as;
  connection->startup_ = Startup::kUnauthenticated;
  connection->begin();
  return connection;
}

Connection::Connection(Loop& loop, Services& services, ssh_bind bind, int fd,
                       std::optional<Inner> inner)
    : loop_(loop),
      services_(services),
      bind_(bind),
      inner_(std::move(inner)),
      id_(SessionId::mint(loop.clock().wall_ns()).to_text()),
      started_ns_(loop.clock().mono_ns()),
      peer_(loop, SshPeer::Role::kServer, fd, inner_.has_value(), this) {
  watch_packets(peer_.session(), this);
}

Connection::~Connection() {
  abandon_inner();
  if (bridge_ != nullptr) {
    bridge_->set_inner(nullptr);
    bridge_->on_inner_activity();
  }
  session_.reset();
  record_end();
  if (attempt_) ssh_message_free(attempt_->message);
  if (startup_ != Startup::kUncounted)
    services_.startups.leave(counted_as_, startup_ == Startup::kAuthenticated);
}

// abandon_inner ends the inner connections, which end as this one did.
void Connection::abandon_inner() {
  for (Bridge& bridge : bridges_) {
    auto* inner = static_cast<Connection*>(bridge.inner());
    if (inner == nullptr) continue;
    inner->bridge_ = nullptr;
    bridge.set_inner(nullptr);
    inner->peer_.mark_dead(peer_.loss());
    loop_.mark(inner);
  }
}

// begin starts the server side of the handshake.
void Connection::begin() {
  if (ssh_bind_accept_fd(bind_, peer_.session(), peer_.fd()) != SSH_OK) return peer_.mark_dead();
  peer_.attach_io();
  ssh_set_auth_methods(peer_.session(), SSH_AUTH_METHOD_PUBLICKEY);
  peer_.pump();
}

bool Connection::may_follow(State from, State to) {
  switch (to) {
    case State::kHandshake:
      return false;
    case State::kLogin:
      return from == State::kHandshake || from == State::kRecording;
    case State::kRecording:
      return from == State::kLogin;
    case State::kOuter:
      return from == State::kRecording;
    case State::kOpening:
      return from == State::kLogin || from == State::kRecording;
    case State::kSession:
      return from == State::kOpening;
    case State::kLeaving:
      return true;
  }
  return false;
}

void Connection::move_to(State to) {
  CHECK(may_follow(state_, to), static_cast<int>(state_), static_cast<int>(to));
  const bool has_attempt = to == State::kRecording || to == State::kOpening;
  CHECK(to == State::kLeaving || attempt_.has_value() == has_attempt, static_cast<int>(to));
  CHECK(to != State::kOuter || user_.has_value(), source_);
  CHECK(to != State::kSession || session_ != nullptr, source_);
  state_ = to;
}

void Connection::service() {
  if (state_ == State::kLogin) check_dropped_logins();
  if (session_) session_->service();
  for (auto it = bridges_.begin(); it != bridges_.end();) {
    it->flush();
    if (it->overrun() && !peer_.dead()) on_misuse("more data than the window allows");
    it = it->finished() ? bridges_.erase(it) : std::next(it);
  }
  if (!ending_.empty() && !session_ && bridges_.empty()) leave(ending_);
  if (state_ == State::kLeaving && !peer_.dead() && !peer_.write_pending()) {
    CHECK(bridges_.empty());
    // The text comes first: a stock client that sees the end of its only channel does not wait for
    // it.
    peer_.disconnect(disconnect_text_);
    session_.reset();
  }
  peer_.catch_up();
  if (peer_.dead()) abandon_inner();
  if (session_ && peer_.dead()) session_->service();
  if (bridge_ != nullptr) bridge_->on_inner_activity();
}

void Connection::on_tick(int64_t mono_ns) {
  if (peer_.dead()) return peer_.on_tick(mono_ns);
  const bool logging_in = state_ == State::kHandshake || state_ == State::kLogin;
  const int64_t grace_ns = services_.config.gateway.login_grace_time_s * kSecondNs;
  // A client sends its version at once (RFC 4253 section 4.2).
  const bool is_silent = !inner_ && ssh_get_clientbanner(peer_.session()) == nullptr;
  const int64_t waited_ns = mono_ns - started_ns_;
  if (logging_in && (waited_ns > grace_ns || (is_silent && waited_ns > kSilenceLimitNs))) {
    services_.refusals.note({.source = source_, .reason = "login_grace_time"});
    drop();
  }
  const bool carries = state_ == State::kOuter && !bridges_.empty();
  if ((!carries && answers_.waiting_ns(mono_ns) > kRecordingLimitNs) ||
      (state_ == State::kRecording && !attempt_->accepted &&
       mono_ns - refused_since_ns_ > kRefusalLimitNs))
    leave("recording is not available (" + services_.link.last_error() +
          "), so nobody can log in now: try again in a minute");
  // The client does not read the disconnect message.
  if (state_ == State::kLeaving && mono_ns - leaving_since_ns_ > kRecordingLimitNs) drop();
  if (session_) session_->on_tick(mono_ns);
  check_revoked(mono_ns);
}

bool Connection::finished() const {
  const bool is_recorded = session_ == nullptr || session_->over();
  return peer_.dead() && !peer_.lingers() && is_recorded &&
         (bridge_ == nullptr || bridge_->drained());
}

void Connection::shut_down(const std::string& reason) {
  ending_ = reason;
  if (session_)
    session_->finish({.reason = "shutdown", .detail = reason, .text = "gatetape: " + reason});
}

// The server's key exchange; logins are messages.
bool Connection::on_handshake() {
  const int result = ssh_handle_key_exchange(peer_.session());
  if (result == SSH_AGAIN) return false;
  if (result != SSH_OK) {
    services_.refusals.note(
        {.source = source_, .reason = "handshake", .detail = ssh_get_error(peer_.session())});
    peer_.break_off();
    return false;
  }
  move_to(State::kLogin);
  return true;
}

void Connection::on_message(ssh_message message) {
  const int type = ssh_message_type(message);
  if (type == SSH_REQUEST_SERVICE) {
    ssh_message_service_reply_success(message);
  } else if (type == SSH_REQUEST_AUTH && state_ == State::kLogin) {
    login_messages_++;
    return inner_ ? on_inner_login(message) : on_login(message);
  } else if (state_ == State::kSession && session_) {
    return session_->on_user_message(message);
  } else if (state_ == State::kOuter) {
    return on_outer_message(message);
  } else {
    ssh_message_reply_default(message);
  }
  ssh_message_free(message);
}

bool Connection::may_read() const {
  if (!revoked_.empty() && state_ != State::kOuter) return false;
  return state_ != State::kRecording && state_ != State::kOpening && state_ != State::kLeaving;
}

void Connection::on_session_up() {
  if (state_ != State::kOpening) return;
  answer_login(State::kSession);
  peer_.pump();
}

void Connection::on_session_over(const std::string& text) {
  move_to(State::kLeaving);
  leaving_since_ns_ = loop_.clock().mono_ns();
  disconnect_text_ = text;
  if (text.empty()) peer_.mark_dead();
  loop_.mark(this);
}

void Connection::on_outer_message(ssh_message message) {
  const int type = ssh_message_type(message);
  const bool open = type == SSH_REQUEST_CHANNEL_OPEN;
  const ssh_channel handle =
      type == SSH_REQUEST_CHANNEL ? ssh_message_channel_request_channel(message) : nullptr;
  if (handle != nullptr && std::none_of(bridges_.begin(), bridges_.end(),
                                        [&](const auto& known) { return known.is(handle); }))
    return ssh_message_free(message);  // of a channel that is gone: an answer would touch it
  if (open && ssh_message_subtype(message) == SSH_CHANNEL_DIRECT_TCPIP) return open_inner(message);
  if (open)
    return deny(message, {.target = "",
                          .reason = "this is a gateway; use ssh -J, or log in as LOGIN@TARGET"});
  if (type == SSH_REQUEST_GLOBAL)
    return deny(message, {.target = "", .reason = "port forwarding does not pass"});
  ssh_message_reply_default(message);
  ssh_message_free(message);
}

void Connection::open_inner(ssh_message message) {
  const std::string host =
      text_or_empty(ssh_message_channel_request_open_destination(message)).substr(0, kHostBytesMax);
  const int port = ssh_message_channel_request_open_destination_port(message);
  const bool is_port = port >= 0 && port <= UINT16_MAX;
  const absl::StatusOr<AccessTarget> target =
      decide_inner(*services_.access.get(), user_->credential(), host, port);
  const std::string host_text = is_port ? format_host_port({host, static_cast<uint16_t>(port)})
                                        : host + ":" + std::to_string(port);
  std::string denial(revoked_.empty() ? target.status().message() : revoked_);
  if (denial.empty() && bridges_.size() >= services_.config.gateway.max_channels_per_session)
    denial = "too many sessions on one connection";
  if (memory_ == nullptr) memory_ = services_.memory.account(user_->name);
  if (denial.empty() && !memory_->may_open())
    return deny(
        message,
        {.target = host_text, .reason = kMemoryDenial, .why = OpenFailure::kResourceShortage});
  const int pipe = denial.empty() ? io_make_pipe() : -1;
  if (denial.empty() && pipe < 0) denial = "the gateway has no descriptor left";
  if (!denial.empty()) return deny(message, {.target = host_text, .reason = denial});
  const ssh_channel channel = ssh_message_channel_request_open_reply_accept(message);
  ssh_message_free(message);
  if (channel == nullptr) return io_detach(pipe);
  std::unique_ptr<Connection> inner(
      new Connection(loop_, services_, bind_, pipe, Inner{*user_, *target}));
  inner->source_ = source_;
  set_host_certificate(inner->peer_.session(), host_certificate(services_, *target));
  bridges_.emplace_back(loop_, this, peer_, channel, pipe, *memory_);
  CHECK(bridges_.size() <= services_.config.gateway.max_channels_per_session, bridges_.size());
  inner->bridge_ = &bridges_.back();
  inner->bridge_->set_inner(inner.get());
  inner->begin();
  loop_.adopt(std::move(inner));
}

void Connection::on_global_request(std::string_view name, bool, std::string_view) {
  if (state_ != State::kOuter || is_harmless_global(name)) return;
  deny(nullptr,
       {.target = "",
        .reason = "the global request " + printable(name.substr(0, 256)) + " does not pass"});
}

// Denies what was asked on the outer connection; the answer leaves when that is recorded. Owns the
// message; there is none for what libssh answers by itself.
void Connection::deny(ssh_message message, const Denial& denial) {
  if (++requests_denied_ > kDenialsMax) {
    if (message != nullptr) ssh_message_free(message);
    return on_misuse("too many refused channels");
  }
  const Event event{{"user", user_->name},
                    {"login", ""},
                    {"target", denial.target},
                    {"source", source_},
                    {"reason", denial.reason}};
  answers_.ask(FrameKind::kAccessDenied, event, loop_.clock().mono_ns(),
               [this, asked = Message(message), reason = denial.reason, why = denial.why] {
                 answer_request(asked.get(), reason, why);
               });
  CHECK(answers_.waiting() <= requests_denied_, answers_.waiting(), requests_denied_);
}

void Connection::record(uint64_t number, FrameKind kind, const Event& event) {
  services_.log.record_async(
      kind, event, loop_.guarded<absl::Status>(guard_, [this, number](const absl::Status& status) {
        answers_.on_recorded(number, status);
      }));
}

void Connection::on_unrecorded(const absl::Status& why) {
  if (state_ == State::kOuter && !bridges_.empty()) return;  // its sessions go on
  leave("recording is not available (" + std::string(why.message()) +
        "), so nobody can log in now: try again in a minute");
}

void Connection::answer_request(ssh_message message, const std::string& reason, OpenFailure why) {
  if (message == nullptr || peer_.dead()) return;
  if (ssh_message_type(message) == SSH_REQUEST_CHANNEL_OPEN) {
    refuse_channel_open(message, static_cast<uint32_t>(why), "gatetape: " + reason);
  } else {
    ssh_message_reply_default(message);
  }
  loop_.mark(this);
}

// Ends the session with that reason, or the connection when there is none.
void Connection::on_misuse(const std::string& reason) {
  if (session_) return session_->on_misuse(reason);
  if (!peer_.dead()) services_.refusals.note({.source = source_, .reason = reason});
  misuse_ = reason;
  drop();
}

void Connection::drop() {
  peer_.mark_dead();
  loop_.mark(this);
}

void Connection::leave(const std::string& text) {
  if (state_ == State::kLeaving) return;
  on_session_over("gatetape: " + text);
}

}  // namespace gatetape::gateway
