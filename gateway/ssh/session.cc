#include "gateway/ssh/session.h"

#include <utility>

#include "base/bytes.h"
#include "base/os/daemon.h"
#include "gateway/ssh/connection.h"
#include "gateway/ssh/negotiated.h"

namespace gatetape::gateway {
namespace {

SessionLimits limits_of(const GatewayConfig& config) {
  SessionLimits limits;
  limits.channels_max = config.max_channels_per_session;
  limits.freeze_ns = int64_t{config.freeze_timeout_s} * 1'000'000'000;
  return limits;
}

// The SSH name of the channel type that a message asks for; empty for the rare ones.
std::string_view channel_type(ssh_message message) {
  const int type = ssh_message_subtype(message);
  if (type == SSH_CHANNEL_SESSION) return "session";
  return type == SSH_CHANNEL_DIRECT_TCPIP ? "direct-tcpip" : "";
}

}  // namespace

SessionWish Session::Plan::wish() const {
  return {.credential = user.credential(),
          .target = target.name,
          .target_text = target.name,
          .login = login,
          .address = address_of(target)};
}

Session::Session(Loop& loop, Services& services, SshPeer& user, Connection& connection, Plan plan)
    : loop_(loop),
      services_(services),
      user_(user),
      connection_(connection),
      plan_(std::move(plan)),
      limits_(limits_of(services.config.gateway)),
      memory_(services.memory.account(plan_.user.name)),
      record_(RecordingLink::start(loop, services)),
      core_(plan_.wish(), plan_.grant, limits_, *memory_, record_->recording(), *this) {
  const std::string key_id =
      "gatetape user=" + plan_.user.name + " session=" + record_->recording().session().to_text();
  target_ = std::make_unique<Target>(
      loop, services,
      Target::Plan{
          .target = plan_.target, .login = plan_.login, .user = plan_.user.name, .key_id = key_id},
      *this);
  watch_packets(user_.session(), this);
  record_->recording().set_owner(&core_);
  services.session_numbers.offer(
      [this](uint64_t session_no) { core_.start(open_event(session_no)); });
}

Session::~Session() {
  record_->recording().end(
      {.reason = "shutdown", .detail = "the connection was dropped", .text = ""});
  forget_packets(user_.session());
  for (const auto& [number, message] : denied_) ssh_message_free(message);
}

Channel* Session::channel_of(ssh_channel handle) const {
  for (Channel* channel : channels_)
    if (channel->side_of(handle)) return channel;
  return nullptr;
}

void Session::on_user_message(ssh_message message) {
  if (core_.over()) return ssh_message_free(message);
  switch (ssh_message_type(message)) {
    case SSH_REQUEST_CHANNEL_OPEN:
      return open_channel(message);
    case SSH_REQUEST_CHANNEL: {
      Channel* const channel = channel_of(ssh_message_channel_request_channel(message));
      if (channel != nullptr) return channel->on_reply_right(message);
      return ssh_message_free(message);  // an answer would touch a channel that is gone
    }
    case SSH_REQUEST_GLOBAL:
      return deny(message, {.what = "global_request",
                            .name = "tcpip-forward",
                            .reason = "port forwarding does not pass"});
    default:
      break;
  }
  ssh_message_reply_default(message);
  ssh_message_free(message);
}

void Session::let_user_in() { connection_.on_session_up(); }

void Session::show_banner(const Banner& banner) { connection_.show_banner(banner); }

void Session::wake() { connection_.on_activity(); }

void Session::open_channel(ssh_message message) {
  const std::string_view type = channel_type(message);
  auto peers = std::make_unique<Channel>(*this, user_, message);
  Channel& channel = *peers;
  ChannelCore* const core = core_.open_channel(type, std::move(peers));
  if (core != nullptr) channel.attach_core(core);  // else it is denied, or gone already
}

void Session::deny(ssh_message message, SessionCore::Denial denial) {
  denial.number = ++last_denied_;
  const bool is_new = denied_.emplace(denial.number, message).second;
  CHECK(is_new, denial.number);
  core_.deny(denial);
}

void Session::refuse_request(uint64_t number) {
  const auto found = denied_.find(number);
  if (found == denied_.end()) return;
  const ssh_message message = found->second;
  denied_.erase(found);
  ssh_message_reply_default(message);
  ssh_message_free(message);
}

void Session::service() {
  if (core_.over()) return;
  open_channels();
  core_.service();
  open_channels();
  if (core_.over()) return;
  target_->catch_up();
  core_.check_target();
}

void Session::open_channels() {
  if (core_.over()) return;
  for (Channel* channel : channels_) channel->open_now();
}

void Session::on_tick(int64_t mono_ns) {
  if (!core_.over()) target_->on_tick(mono_ns);
  core_.check_target();
  core_.on_tick();
}

void Session::on_over(const SessionEnd& end) {
  CHECK(core_.over(), end.reason);
  log_info("session_end", {{"session", record_->recording().session().to_text()},
                           {"reason", end.reason},
                           {"detail", end.detail}});
  forget_packets(user_.session());
  connection_.on_session_over(end.text);
}

// The rules may have changed while the target had not shown its host key.
void Session::on_target_ready(const Event& facts) {
  core_.on_target_ready(facts);
  core_.on_rules_changed(*services_.access.get());
}

void Session::on_target_failed(const Event& facts) {
  log_warn("target_failed", {{"target", plan_.target.name},
                             {"reason", std::string(facts.get("reason"))},
                             {"detail", std::string(facts.get("detail"))}});
  core_.on_target_failed(facts);
}

// A target may not open channels, nor ask for anything that wants an answer.
void Session::on_target_message(ssh_message message) {
  const int type = ssh_message_type(message);
  if (core_.over()) return ssh_message_free(message);
  if (type == SSH_REQUEST_CHANNEL_OPEN)
    return deny(
        message,
        {.what = "channel", .name = "opened by the target", .reason = "forwarding does not pass"});
  if (type == SSH_REQUEST_GLOBAL)
    return deny(message, {.what = "global_request",
                          .name = "tcpip-forward by the target",
                          .reason = "port forwarding does not pass"});
  // An answer would touch a channel that is gone.
  if (type != SSH_REQUEST_CHANNEL ||
      channel_of(ssh_message_channel_request_channel(message)) != nullptr)
    ssh_message_reply_default(message);
  ssh_message_free(message);
}

void Session::on_channel_request(ssh_channel handle, std::string_view name, bool want_reply,
                                 std::string_view data) {
  Channel* const channel = channel_of(handle);
  if (channel == nullptr) return;
  channel->core().on_request(
      *channel->side_of(handle),
      {.name = std::string(name), .want_reply = want_reply, .data = std::string(data)});
}

void Session::on_channel_reply(ssh_channel handle, bool ok) {
  Channel* const channel = channel_of(handle);
  if (channel != nullptr) channel->core().on_reply(*channel->side_of(handle), ok);
}

void Session::on_open_reply(ssh_channel handle, bool ok, std::string_view text) {
  Channel* const channel = channel_of(handle);
  if (channel != nullptr) channel->on_open_reply(ok, text);
}

void Session::on_global_request(std::string_view name, bool, std::string_view) {
  core_.on_global_request(name);
}

void Session::on_banner(std::string_view text, std::string_view language) {
  core_.on_target_banner({.text = std::string(text), .language = std::string(language)});
}

Event Session::open_event(uint64_t session_no) const {
  const AuthenticatedUser& user = plan_.user;
  Event event{{"kind", "session"},
              {"user", user.name},
              {"login", plan_.login},
              {"target", plan_.target.name},
              {"target_address", address_of(plan_.target)},
              {"source", user.source},
              {"rule", plan_.grant.rule}};
  event.add("key_fingerprint", user.key_fingerprint);
  event.add("gateway", services_.config.name);
  event.add("gateway_run", services_.log.session().to_text());
  event.add("started_at", std::to_string(loop_.clock().wall_ns()));
  event.add("client_version", user.client_version);
  event.add("route", plan_.route).add("actor", user.actor).add("connection", user.connection);
  event.add_number("session_no", session_no);
  event.add("credential", "key");
  if (user.touched) event.add("touch", "1");
  add_user_algorithms(user_.session(), &event);
  event.add("key_check", to_hex(record_->recording().keys().check()));
  return event;
}

}  // namespace gatetape::gateway
