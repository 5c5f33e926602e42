// The login of a connection: who it is, the recorded frame of an attempt (RefusedLogins counts
// those of an address that is refused often together), and the session that it opens. libssh marks
// the accessors of authentication messages deprecated; it has no others (0.10 to 0.12).
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#include <utility>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/os/daemon.h"
#include "formats/openssh_key.h"
#include "gateway/rollback_guard.h"
#include "gateway/ssh/connection.h"
#include "gateway/ssh/setup.h"

namespace gatetape::gateway {
namespace {

constexpr uint64_t kLoginMessagesMax = 200;  // of one connection, questions too

std::string method_name(int subtype) {
  switch (subtype) {
    case SSH_AUTH_METHOD_NONE:
      return "none";
    case SSH_AUTH_METHOD_PASSWORD:
      return "password";
    case SSH_AUTH_METHOD_PUBLICKEY:
      return "publickey";
    case SSH_AUTH_METHOD_INTERACTIVE:
      return "keyboard-interactive";
    default:
      return "other";
  }
}

std::string user_of(ssh_message message) {
  const char* user = ssh_message_auth_user(message);
  return std::string(user == nullptr ? "" : user).substr(0, 256);
}

}  // namespace

void Connection::on_login(ssh_message message) {
  const int method = ssh_message_subtype(message);
  const std::string user = user_of(message);
  if (login_messages_ == 1) show_own_banner();
  if (login_messages_ > kLoginMessagesMax) {
    ssh_message_free(message);
    return on_misuse("too many login messages");
  }
  if (method == SSH_AUTH_METHOD_NONE) {  // how clients ask for the methods: no attempt
    ssh_message_reply_default(message);
    return ssh_message_free(message);
  }
  Attempt attempt;
  attempt.message = message;
  const Event event{
      {"source", source_}, {"user", user}, {"method", method_name(method)}, {"connection", id_}};
  if (method != SSH_AUTH_METHOD_PUBLICKEY)
    return record_attempt(std::move(attempt), event, "only publickey is accepted");
  on_public_key(message, user, std::move(attempt), event);
}

// The gateway's own banner comes before the answer to the first login message, as sshd's does.
void Connection::show_own_banner() {
  const std::shared_ptr<const std::string> banner = services_.banner.get();
  if (!banner->empty()) send_banner(peer_.session(), *banner, "");
}

// A banner may only be sent before the login has succeeded (RFC 4252 section 5.4).
void Connection::show_banner(const Banner& banner) {
  if (state_ != State::kOpening || peer_.dead()) return;
  send_banner(peer_.session(), banner.text, banner.language);
  loop_.mark(this);
}

// The key says who it is; the name is only checked.
void Connection::on_public_key(ssh_message message, const std::string& user, Attempt attempt,
                               Event event) {
  const ssh_key key = ssh_message_auth_pubkey(message);
  const std::string blob = key_blob(key);
  event.add("key_fingerprint", openssh_fingerprint(blob));
  event.add("key_type", ssh_key_type_to_char(ssh_key_type(key)));
  const std::shared_ptr<const Access> access = services_.access.get();
  const AccessUser* known = blob.empty() ? nullptr : access->user_of_key(blob);
  const absl::StatusOr<LoginName> name = LoginName::parse(user);
  if (known != nullptr) event.add("known_as", known->name);
  if (!name.ok())
    return record_attempt(std::move(attempt), event, std::string(name.status().message()));
  if (known == nullptr) return record_attempt(std::move(attempt), event, "unknown key");
  if (!name->direct() && name->user != "jump" && name->user != known->name)
    return record_attempt(std::move(attempt), event, "the key is another user's");
  const auto state = ssh_message_auth_publickey_state(message);
  if (state == SSH_PUBLICKEY_STATE_NONE) {  // asks whether the key would do: no attempt yet
    facts_->on_probe(user, openssh_fingerprint(blob));
    ssh_message_auth_reply_pk_ok_simple(message);
    return ssh_message_free(message);
  }
  if (state != SSH_PUBLICKEY_STATE_VALID)
    return record_attempt(std::move(attempt), event, "wrong signature");
  if (untouched(peer_.session()))
    return record_attempt(std::move(attempt), event, "the security key was not touched");
  attempt.accepted = true;
  attempt.name = *name;
  const char* version = ssh_get_clientbanner(peer_.session());
  const bool touched =
      ssh_key_type(key) == SSH_KEYTYPE_SK_ED25519 || ssh_key_type(key) == SSH_KEYTYPE_SK_ECDSA;
  if (touched) event.add("touch", "1");
  attempt.user = {.name = known->name,
                  .key_blob = blob,
                  .key_fingerprint = openssh_fingerprint(blob),
                  .source = source_,
                  .client_version = version == nullptr ? "" : version,
                  .connection = id_,
                  .actor = known->actor,
                  .touched = touched};
  record_attempt(std::move(attempt), event, "");
}

// The inner connection runs inside an authenticated one, so that its user is known already.
void Connection::on_inner_login(ssh_message message) {
  const bool asks_key = ssh_message_subtype(message) == SSH_AUTH_METHOD_PUBLICKEY &&
                        ssh_message_auth_publickey_state(message) == SSH_PUBLICKEY_STATE_NONE;
  if (asks_key) {
    ssh_message_auth_reply_pk_ok_simple(message);
    return ssh_message_free(message);
  }
  attempt_ = Attempt{message, true, inner_->user, {}};
  const std::string& target = inner_->target.name;
  open_session(inner_->user,
               {.credential = inner_->user.credential(),
                .target = target,
                .target_text = target,
                .login = user_of(message)},
               "jump");
}

void Connection::record_attempt(Attempt attempt, const Event& event, const std::string& reason) {
  Event recorded = event;
  recorded.add("result", attempt.accepted ? "accepted" : "refused");
  if (!reason.empty()) recorded.add("reason", reason);
  CHECK(!attempt_.has_value(), source_, login_messages_);
  attempt_ = std::move(attempt);
  move_to(State::kRecording);
  if (!attempt_->accepted) return refuse_attempt(recorded);
  answers_.ask(FrameKind::kAuthAttempt, recorded, loop_.clock().mono_ns(),
               [this] { answer_attempt(); });
}

void Connection::refuse_attempt(const Event& recorded) {
  CHECK(state_ == State::kRecording, static_cast<int>(state_));
  refused_since_ns_ = loop_.clock().mono_ns();
  services_.refused_logins.refuse(
      counted_as_, recorded,
      loop_.guarded<absl::Status>(guard_, [this](const absl::Status& status) {
        if (state_ != State::kRecording) return;
        if (!status.ok()) return on_unrecorded(status);
        answer_attempt();
      }));
}

void Connection::answer_attempt() {
  if (state_ != State::kRecording) return;
  loop_.mark(this);
  if (attempt_->message == nullptr) {  // libssh dropped it: there is nobody to answer
    attempt_.reset();
    return leave("the login was refused: bad signature or unsupported kind of key");
  }
  if (!attempt_->accepted) {
    CHECK(failed_attempts_ < services_.config.gateway.max_auth_tries, failed_attempts_);
    answer_login(State::kLogin);
    if (++failed_attempts_ >= services_.config.gateway.max_auth_tries)
      return leave("too many authentication failures");
    return peer_.pump();
  }
  CHECK(startup_ == Startup::kUnauthenticated, source_, static_cast<int>(startup_));
  user_ = attempt_->user;
  facts_->on_login(user_->name, user_->key_fingerprint);
  record_probes();
  services_.startups.authenticated(counted_as_);
  startup_ = Startup::kAuthenticated;
  if (attempt_->name.direct()) {
    const LoginName& name = attempt_->name;
    const std::shared_ptr<const Access> access = services_.access.get();
    const AccessTarget* target = access->target(name.target, name.port);
    return open_session(*user_,
                        {.credential = user_->credential(),
                         .target = target == nullptr ? "" : target->name,
                         .target_text = format_host_port({name.target, name.port}),
                         .login = name.login},
                        "direct");
  }
  answer_login(State::kOuter);
  on_rules_changed();  // they may have changed while the attempt was recorded
  peer_.pump();
}

// answer_login sends the answer to the attempt: a failure when the connection returns to kLogin.
// The state changes first, because libssh may read further packets while it sends.
void Connection::answer_login(State to) {
  const ssh_message message = attempt_->message;
  attempt_.reset();
  move_to(to);
  if (to == State::kLogin) {
    ssh_message_reply_default(message);
  } else {
    ssh_message_auth_reply_success(message, 0);
  }
  ssh_message_free(message);
}

// libssh drops logins with a bad signature or an unknown key without an answer or a message.
void Connection::check_dropped_logins() {
  if (inner_ || auth_packets(peer_.session()) <= login_messages_) return;
  login_messages_ = auth_packets(peer_.session());
  const Event event{
      {"source", source_}, {"user", ""}, {"method", "publickey"}, {"connection", id_}};
  record_attempt(Attempt{}, event, "bad signature or unsupported kind of key");
}

void Connection::record_probes() {
  if (const std::optional<Event> probes = facts_->take_probes())
    services_.refused_logins.note_probes(counted_as_, *probes);
}

void Connection::record_end() {
  if (!facts_) return;
  record_probes();
  const std::optional<Event> end = facts_->end({.revoked = revoked_,
                                                .shutdown = ending_,
                                                .misuse = misuse_,
                                                .disconnected = disconnect_text_,
                                                .loss = peer_.loss()});
  if (end) services_.log.record_async(FrameKind::kConnectionEnd, *end, nullptr);
}

void Connection::open_session(const AuthenticatedUser& user, const SessionWish& wish,
                              const std::string& route) {
  CHECK(session_ == nullptr, source_);
  move_to(State::kOpening);
  const std::shared_ptr<const Access> access = services_.access.get();
  const absl::StatusOr<Grant> grant = decide_session(*access, wish);
  const Event event{{"user", user.name},
                    {"login", wish.login},
                    {"target", wish.target_text},
                    {"source", source_}};
  if (!grant.ok()) return deny_session(event, std::string(grant.status().message()));
  RollbackGuard* const guard = services_.rollback_guard;
  const std::string refusal = guard == nullptr ? "" : guard->refusal();
  if (!refusal.empty()) return deny_session(event, refusal);
  session_ = std::make_unique<Session>(
      loop_, services_, peer_, *this,
      Session::Plan{user, *access->target(wish.target), wish.login, *grant, route});
}

void Connection::deny_session(Event event, const std::string& reason) {
  event.add("reason", reason);
  log_info("access_denied", {{"source", source_}, {"reason", reason}});
  answers_.ask(FrameKind::kAccessDenied, event, loop_.clock().mono_ns(),
               [this, reason] { leave(reason); });
}

}  // namespace gatetape::gateway
