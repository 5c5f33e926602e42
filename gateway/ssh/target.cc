#include "gateway/ssh/target.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/os/socket_address.h"
#include "formats/openssh_key.h"
#include "formats/ssh_certificate.h"
#include "gateway/ssh/negotiated.h"
#include "gateway/ssh/session.h"
#include "gateway/ssh/setup.h"

namespace gatetape::gateway {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

}  // namespace

Target::Target(Loop& loop, Services& services, Plan plan, Session& session)
    : loop_(loop),
      services_(services),
      plan_(std::move(plan)),
      session_(session),
      dialer_(loop, services.resolver,
              [this](absl::StatusOr<Fd> socket) { on_dialed(std::move(socket)); }) {}

Target::~Target() {
  peer_.reset();
  ssh_key_free(login_key_);
}

bool Target::may_follow(State from, State to) {
  switch (to) {
    case State::kIdle:
      return false;
    case State::kDialing:
      return from == State::kIdle;
    case State::kKeyExchange:
      return from == State::kDialing;
    case State::kLogin:
      return from == State::kKeyExchange;
    case State::kReady:
      return from == State::kLogin;
    case State::kFailed:
      return from == State::kDialing || from == State::kKeyExchange || from == State::kLogin;
  }
  return false;
}

void Target::move_to(State to) {
  CHECK(may_follow(state_, to), static_cast<int>(state_), static_cast<int>(to));
  CHECK(to == State::kDialing || dialer_.done(), static_cast<int>(to));
  CHECK(to != State::kKeyExchange || peer_ != nullptr, plan_.login);
  CHECK(to != State::kLogin || !facts_.get("auth").empty(), plan_.login);
  CHECK(to != State::kReady || login_key_ == nullptr, plan_.login);
  state_ = to;
}

void Target::start() {
  move_to(State::kDialing);
  started_ns_ = loop_.clock().mono_ns();
  dialer_.start({plan_.target.host, plan_.target.port}, plan_.user,
                services_.config.gateway.connect_timeout_s);
}

void Target::on_tick(int64_t mono_ns) {
  if (state_ == State::kDialing) return dialer_.on_tick(mono_ns);
  const bool trying = state_ == State::kKeyExchange || state_ == State::kLogin;
  const int64_t limit_s = services_.config.gateway.connect_timeout_s;
  if (trying && mono_ns - started_ns_ > limit_s * kSecondNs)
    fail({.reason = "unreachable", .detail = "no answer within " + std::to_string(limit_s) + " s"});
}

void Target::catch_up() {
  if (peer_) peer_->catch_up();
}

void Target::on_message(ssh_message message) { session_.on_target_message(message); }

void Target::on_activity() { session_.wake(); }

void Target::on_misuse(const std::string& reason) { session_.on_misuse("the target: " + reason); }

void Target::on_dialed(absl::StatusOr<Fd> socket) {
  CHECK(state_ == State::kDialing, static_cast<int>(state_));
  if (!dialer_.address().empty()) facts_.add("address", dialer_.address());
  if (!socket.ok() && !dialer_.tried().empty())
    facts_.add("addresses_tried", absl::StrJoin(dialer_.tried(), "\n"));
  if (!socket.ok())
    return fail({.reason = "unreachable", .detail = std::string(socket.status().message())});
  on_connected(*std::move(socket));
}

void Target::on_connected(Fd socket) {
  CHECK(peer_ == nullptr, socket.get());
  const int fd = socket.release();
  facts_.add("source", local_address(fd).to_text()).add("way", "direct");
  peer_ = std::make_unique<SshPeer>(loop_, SshPeer::Role::kClient, fd, false, this);
  watch_packets(peer_->session(), &session_);
  move_to(State::kKeyExchange);
  const absl::Status set = set_client_options(peer_->session(), fd, plan_.target.host_key_blobs);
  if (!set.ok()) return fail({.reason = "internal", .detail = std::string(set.message())});
  peer_->attach_io();
  peer_->pump();
  peer_->catch_up();
  session_.wake();
}

bool Target::on_handshake() {
  if (state_ == State::kKeyExchange && !key_exchange()) return false;
  if (state_ == State::kLogin && !log_in()) return false;
  return state_ == State::kReady;
}

// Each call of ssh_connect makes the descriptor blocking again.
bool Target::key_exchange() {
  const int result = ssh_connect(peer_->session());
  fcntl(peer_->fd(), F_SETFL, fcntl(peer_->fd(), F_GETFL) | O_NONBLOCK);
  if (result == SSH_AGAIN) return false;
  if (result != SSH_OK) {
    fail({.reason = "unreachable",
          .detail = std::string("SSH handshake: ") + ssh_get_error(peer_->session())});
    return false;
  }
  const char* version = ssh_get_serverbanner(peer_->session());
  facts_.add("server_version", version == nullptr ? "" : version);
  if (!host_key_matches()) {
    fail({.reason = "host_key_mismatch",
          .detail = "the host key of " + plan_.target.name + " is not the one in access.toml"});
    return false;
  }
  const absl::Status made = make_login_key();
  if (!made.ok()) {
    fail({.reason = "login_key", .detail = std::string(made.message())});
    return false;
  }
  move_to(State::kLogin);
  return true;
}

bool Target::host_key_matches() {
  ssh_key key = nullptr;
  if (ssh_get_server_publickey(peer_->session(), &key) != SSH_OK) return false;
  const std::string blob = key_blob(key);
  ssh_key_free(key);
  facts_.add("host_key", to_base64(blob));
  facts_.add("host_key_fingerprint", openssh_fingerprint(blob));
  const auto& known = plan_.target.host_key_blobs;
  if (!blob.empty() && std::find(known.begin(), known.end(), blob) != known.end()) return true;
  for (const std::string& line : plan_.target.host_keys) facts_.add("expected_host_key", line);
  return false;
}

// make_login_key creates a key with a certificate for this session alone, or reads the key file
// that access.toml lists for the target.
absl::Status Target::make_login_key() {
  CHECK(login_key_ == nullptr, plan_.login);
  if (!plan_.target.key_file.empty()) {
    facts_.add("auth", "key");
    if (ssh_pki_import_privkey_base64(plan_.target.key.c_str(), "", nullptr, nullptr,
                                      &login_key_) != SSH_OK)
      return absl::UnavailableError(plan_.target.key_file + ": cannot be read as a private key");
    return absl::OkStatus();
  }
  facts_.add("auth", "certificate");
  if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &login_key_) != SSH_OK)
    return absl::InternalError("no ephemeral key");
  CertificateRequest request;
  const std::string blob = key_blob(login_key_);
  request.public_key = blob.substr(blob.size() - 32);
  request.serial = ++services_.certificate_serial;
  request.key_id = plan_.key_id;
  request.principals = {std::string(account_of(plan_.login))};
  const auto now_s = static_cast<uint64_t>(loop_.clock().wall_ns() / kSecondNs);
  request.valid_after = now_s - 60;
  request.valid_before = now_s + services_.config.gateway.certificate_lifetime_s;
  request.extensions = {"permit-pty", "permit-user-rc"};
  facts_.add("certificate_key_id", request.key_id);
  facts_.add_number("certificate_serial", request.serial);
  const std::string certificate = to_base64(mint_certificate(services_.user_ca, request));
  ssh_key parsed = nullptr;
  const bool ok = ssh_pki_import_cert_base64(certificate.c_str(), SSH_KEYTYPE_ED25519_CERT01,
                                             &parsed) == SSH_OK &&
                  ssh_pki_copy_cert_to_privkey(parsed, login_key_) == SSH_OK;
  ssh_key_free(parsed);
  return ok ? absl::OkStatus() : absl::InternalError("libssh does not accept the certificate");
}

bool Target::log_in() {
  const int result = ssh_userauth_publickey(peer_->session(), plan_.login.c_str(), login_key_);
  if (result == SSH_AUTH_AGAIN) return false;
  if (result != SSH_AUTH_SUCCESS) {
    fail({.reason = "auth_failed",
          .detail = plan_.target.name + " does not accept the gateway's login as " + plan_.login +
                    " (does it trust the user CA of `gatetape ca`?)"});
    return false;
  }
  ssh_key_free(login_key_);
  login_key_ = nullptr;
  move_to(State::kReady);
  add_target_algorithms(peer_->session(), &facts_);
  session_.on_target_ready(facts_);
  return true;
}

void Target::fail(const Failure& failure) {
  move_to(State::kFailed);
  if (peer_) peer_->mark_dead();
  Event facts{{"reason", failure.reason}, {"detail", failure.detail}};
  for (const auto& [key, value] : facts_.fields()) facts.add(key, value);
  session_.on_target_failed(facts);
}

}  // namespace gatetape::gateway
