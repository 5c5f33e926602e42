#include "gateway/ssh/session.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/os/daemon.h"
#include "policy/channel_rules.h"

namespace gatetape::gateway {
namespace {

constexpr int64_t kOpenTimeoutS = 10;             // for the record of a new session
constexpr int64_t kLastWordsNs = 30'000'000'000;  // for a user to take what a lost target sent
// Each denied request is a frame and a row, and has no window: so many at once, then so many a
// second.
constexpr int64_t kDeniedMax = 1000;
constexpr int64_t kDeniedPerSecond = 10;

}  // namespace

Session::Session(Loop& loop, Services& services, SshPeer& user, Host& host, Plan plan)
    : loop_(loop),
      services_(services),
      user_(user),
      host_(host),
      plan_(std::move(plan)),
      started_ns_(loop.clock().mono_ns()) {
  recording_ = Recording::start(loop, services, this);
  const std::string key_id =
      "gatetape user=" + plan_.person.user + " session=" + recording_->session().to_text();
  target_ =
      std::make_unique<Target>(loop, services, plan_.target, plan_.login, key_id, *this, *this);
  watch_packets(user_.session(), this);
  recording_->offer(0, FrameKind::kSessionOpen, open_event());
}

Session::~Session() {
  if (!over_) recording_->end("gateway", "the connection was dropped");
  forget_packets(user_.session());
  channels_.clear();  // before the target's libssh session goes
  for (const auto& [seq, message] : refusals_) ssh_message_free(message);
}

void Session::on_user_message(ssh_message message) {
  if (over_) return ssh_message_free(message);
  switch (ssh_message_type(message)) {
    case SSH_REQUEST_CHANNEL_OPEN:
      return on_channel_open(message);
    case SSH_REQUEST_CHANNEL: {
      const ssh_channel handle = ssh_message_channel_request_channel(message);
      for (Channel& channel : channels_)
        if (channel.is(handle)) return channel.on_reply_right(message);
      return ssh_message_free(message);  // of a channel that is gone: an answer would touch it
    }
    case SSH_REQUEST_GLOBAL:
      return deny(message, "global_request", "tcpip-forward", "port forwarding does not pass");
    default:
      break;
  }
  ssh_message_reply_default(message);
  ssh_message_free(message);
}

void Session::service() {
  if (over_) return;
  if (!misuse_.empty()) return finish("protocol", misuse_, "gatetape: " + misuse_);
  if (user_.dead() && target_gone_ns_ == 0) return finish("client", "the client disconnected", "");
  service_channels();
  if (!misuse_.empty()) return finish("protocol", misuse_, "gatetape: " + misuse_);
  target_->settle();
  check_target();
}

void Session::on_tick(int64_t mono_ns) {
  if (over_) return;
  target_->on_tick(mono_ns);
  check_target();
  const int64_t freeze_s = services_.config.gateway.freeze_timeout_s;
  const int64_t limit_s = up_ ? freeze_s : std::min(freeze_s, kOpenTimeoutS);
  if (over_ || recording_->waiting_ns() < limit_s * 1'000'000'000) return;
  const std::string why = "the recorder has not answered for " + std::to_string(limit_s) + " s";
  finish("recorder", why,
         "gatetape: " + why + ", so the session was ended; nothing passed unrecorded");
}

void Session::finish(const std::string& reason, const std::string& detail,
                     const std::string& text) {
  if (std::exchange(over_, true)) return;
  log_info("session_end",
           {{"session", recording_->session().to_text()}, {"reason", reason}, {"detail", detail}});
  recording_->end(reason, detail);
  forget_packets(user_.session());
  host_.on_session_over(text);
}

void Session::on_released(tee::FramePtr frame) {
  if (over_) return;
  const FrameKind kind = frame->frame.kind;
  if (kind == FrameKind::kSessionOpen) {
    target_->start();
  } else if (kind == FrameKind::kTargetConnect) {
    up_ = true;
    host_.on_session_up();
  } else if (kind == FrameKind::kTargetFail) {
    const absl::StatusOr<Event> event = Event::decode(frame->frame.payload);
    const std::string detail(event->get("detail"));
    finish("target_" + std::string(event->get("reason")), detail,
           "gatetape: " + plan_.target.name + ": " + printable(detail));
  } else if (const auto it = refusals_.find(frame->frame.seq); it != refusals_.end()) {
    const absl::StatusOr<Event> event = Event::decode(frame->frame.payload);
    const std::string text = "gatetape: " + std::string(event->get("reason"));
    if (ssh_message_type(it->second) == SSH_REQUEST_CHANNEL_OPEN) {
      refuse_channel_open(it->second, kAdministrativelyProhibited, text);
    } else {
      ssh_message_reply_default(it->second);
    }
    ssh_message_free(it->second);
    refusals_.erase(it);
  } else if (target_->ready()) {
    for (Channel& channel : channels_)
      if (channel.number() == frame->frame.channel) channel.on_released(frame, target_->peer());
  }
  host_.on_session_activity();
}

void Session::on_record_failed(const std::string& reason) {
  finish("recorder", reason, "gatetape: the record failed, so the session was ended: " + reason);
}

void Session::on_target_ready(const Event& facts) {
  recording_->offer(0, FrameKind::kTargetConnect, facts);
}

void Session::on_target_failed(const Event& facts) {
  log_warn("target_failed", {{"target", plan_.target.name},
                             {"reason", std::string(facts.get("reason"))},
                             {"detail", std::string(facts.get("detail"))}});
  recording_->offer(0, FrameKind::kTargetFail, facts);
}

// A target may not open channels to us, nor ask for anything that wants an answer.
void Session::on_target_message(ssh_message message) {
  const int type = ssh_message_type(message);
  if (type == SSH_REQUEST_CHANNEL_OPEN) {
    const Event denied{{"what", "channel"},
                       {"name", "opened by the target"},
                       {"reason", "forwarding does not pass"}};
    offer(0, FrameKind::kDenied, denied.encode());
  } else if (type == SSH_REQUEST_GLOBAL) {
    const Event denied{{"what", "global_request"},
                       {"name", "tcpip-forward by the target"},
                       {"reason", "port forwarding does not pass"}};
    offer(0, FrameKind::kDenied, denied.encode());
  }
  // An answer would touch a channel that is gone.
  const ssh_channel handle =
      type == SSH_REQUEST_CHANNEL ? ssh_message_channel_request_channel(message) : nullptr;
  if (handle == nullptr || std::any_of(channels_.begin(), channels_.end(),
                                       [&](const auto& known) { return known.is(handle); }))
    ssh_message_reply_default(message);
  ssh_message_free(message);
}

uint64_t Session::offer(uint32_t channel, FrameKind kind, std::string payload) {
  const uint64_t seq = recording_->offer(channel, kind, std::move(payload));
  if (recording_->overrun()) on_misuse("more requests than the recorder can take");
  if (kind != FrameKind::kDenied) return seq;
  const int64_t age_s = (loop_.clock().mono_ns() - started_ns_) / 1'000'000'000;
  if (++denied_ > kDeniedMax + age_s * kDeniedPerSecond) on_misuse("too many denied requests");
  return seq;
}

bool Session::has_room() const { return recording_->has_room() && !over_; }

void Session::on_misuse(const std::string& reason) {
  misuse_ = reason;
  host_.on_session_activity();
}

void Session::on_more() { host_.on_session_activity(); }

void Session::on_channel_request(ssh_channel channel, std::string_view name, bool want_reply,
                                 std::string_view data) {
  for (Channel& known : channels_)
    if (known.is(channel)) return known.on_request(channel, name, want_reply, data);
}

void Session::on_global_request(std::string_view name, bool, std::string_view) {
  if (is_harmless_global(name)) return;
  const Event denied{{"what", "global_request"},
                     {"name", std::string(name.substr(0, 256))},
                     {"reason", "this global request does not pass"}};
  offer(0, FrameKind::kDenied, denied.encode());
}

Event Session::open_event() const {
  const Person& person = plan_.person;
  Event event{{"kind", "session"},
              {"user", person.user},
              {"login", plan_.login},
              {"target", plan_.target.name},
              {"target_address", format_host_port({plan_.target.host, plan_.target.port})},
              {"source", person.source},
              {"rule", plan_.grant.rule}};
  event.add("key_fingerprint", person.key_fingerprint);
  event.add("gateway", services_.config.name);
  event.add("gateway_run", services_.log.session().to_text());
  event.add("started_at", std::to_string(loop_.clock().wall_ns()));
  event.add("client_version", person.client_version);
  event.add("route", plan_.route);
  return event;
}

void Session::on_channel_open(ssh_message message) {
  const int type = ssh_message_subtype(message);
  if (type != SSH_CHANNEL_SESSION) {
    const bool forward = type == SSH_CHANNEL_DIRECT_TCPIP;
    return deny(message, "channel", forward ? "direct-tcpip" : "other",
                "only session channels pass, forwarding does not");
  }
  if (channels_.size() >= services_.config.gateway.max_channels_per_session)
    return deny(message, "channel", "session", "too many channels in this session");
  channels_.emplace_back(*this, ++last_channel_, plan_.grant, user_, message);
}

void Session::deny(ssh_message message, const std::string& what, const std::string& name,
                   const std::string& reason) {
  const Event denied{{"what", what}, {"name", name}, {"reason", reason}};
  const uint64_t seq = offer(0, FrameKind::kDenied, denied.encode());
  if (refusals_.size() >= 256) misuse_ = "too many refused requests wait";
  refusals_[seq] = message;
}

void Session::service_channels() {
  for (auto it = channels_.begin(); it != channels_.end();) {
    it->service();
    it = it->finished() ? channels_.erase(it) : std::next(it);
  }
}

// When the target's connection ended, what was taken from it is still recorded and written, and
// each channel closed: a stock client drops what it did not show yet when it is disconnected.
void Session::check_target() {
  if (!target_->gone()) return;
  const std::string text = "gatetape: " + plan_.target.name + " closed the connection";
  const int64_t now_ns = loop_.clock().mono_ns();
  if (target_gone_ns_ == 0) {
    target_gone_ns_ = now_ns;
    for (Channel& channel : channels_) channel.on_target_gone(text);
  }
  const bool drained = std::all_of(channels_.begin(), channels_.end(),
                                   [](const Channel& channel) { return channel.drained(); });
  if ((recording_->all_released() && drained && !user_.write_pending()) || user_.dead() ||
      now_ns - target_gone_ns_ > kLastWordsNs)
    finish("target", "the target closed the connection", text);
}

}  // namespace gatetape::gateway
