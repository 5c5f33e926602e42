// Session: one person on one target as one login: the unit of recording. Joins the user's SSH
// connection to the target's, and lets nothing through that is not durable. Session loop only.
//
// States: opening (session_open offered) -> connecting -> up -> over. It is over once: with a
// reason that is recorded when possible and a text for the user.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "gateway/services.h"
#include "gateway/session/recording.h"
#include "gateway/ssh/channel.h"
#include "gateway/ssh/target.h"

namespace gatetape::gateway {

// Person is who authenticated on a connection.
struct Person {
  std::string user;
  std::string key_fingerprint;
  std::string source;  // address:port
  std::string client_version;
};

class Session : public Recording::Owner,
                public Target::Owner,
                public Channel::Owner,
                public PacketSink {
 public:
  struct Plan {
    Person person;
    AccessTarget target;
    std::string login;
    Grant grant;
    std::string route;  // "jump" or "direct"
  };
  class Host {
   public:
    virtual ~Host() = default;
    // on_session_up: the target is ready; the user may be told that login succeeded.
    virtual void on_session_up() = 0;
    // on_session_over: disconnect the user with this text.
    virtual void on_session_over(const std::string& text) = 0;
    virtual void on_session_activity() = 0;
  };

  Session(Loop& loop, Services& services, SshPeer& user, Host& host, Plan plan);
  ~Session() override;

  // on_user_message takes a message of the user's connection, and owns it.
  void on_user_message(ssh_message message);
  void service();
  void on_tick(int64_t mono_ns);
  // finish ends the session; the user is disconnected with `text`. Idempotent.
  void finish(const std::string& reason, const std::string& detail, const std::string& text);
  bool over() const { return over_; }

  // Recording::Owner
  void on_released(tee::FramePtr frame) override;
  void on_record_failed(const std::string& reason) override;
  // Target::Owner
  void on_target_ready(const Event& facts) override;
  void on_target_failed(const Event& facts) override;
  void on_target_message(ssh_message message) override;
  void on_activity() override { host_.on_session_activity(); }
  // Channel::Owner and Target::Owner
  uint64_t offer(uint32_t channel, FrameKind kind, std::string payload) override;
  bool has_room() const override;
  void on_misuse(const std::string& reason) override;
  void on_more() override;
  // PacketSink, of both sides
  void on_channel_request(ssh_channel channel, std::string_view name, bool want_reply,
                          std::string_view data) override;
  void on_global_request(std::string_view name, bool want_reply, std::string_view data) override;

 private:
  Event open_event() const;
  void on_channel_open(ssh_message message);
  void deny(ssh_message message, const std::string& what, const std::string& name,
            const std::string& reason);
  void service_channels();
  void check_target();

  Loop& loop_;
  Services& services_;
  SshPeer& user_;
  Host& host_;
  const Plan plan_;
  const int64_t started_ns_;
  std::shared_ptr<Recording> recording_;  // also held by the loop until it is closed
  std::unique_ptr<Target> target_;
  std::list<Channel> channels_;
  std::map<uint64_t, ssh_message> refusals_;  // by the seq of their denied frame
  uint32_t last_channel_ = 0;
  int64_t denied_ = 0;
  bool up_ = false;
  int64_t target_gone_ns_ = 0;  // when its connection ended
  bool over_ = false;
  std::string misuse_;  // set inside a packet handler, acted on in service()
};

}  // namespace gatetape::gateway
