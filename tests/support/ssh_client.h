// ssh_client: a libssh client on the shim, for tests. One thread.
#pragma once

#include <gtest/gtest.h>
#include <libssh/libssh.h>
#include <poll.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "gateway/ssh/shim.h"
#include "tests/support/ssh_server.h"

namespace gatetape::testing {

// packed returns strings of the SSH protocol one after the other (RFC 4251 section 5).
inline std::string packed(std::initializer_list<std::string_view> strings) {
  std::string out;
  for (std::string_view text : strings) put_string(&out, text);
  return out;
}

// SshClient is a libssh client that has logged in and has one open "session" channel.
class SshClient : public gateway::PacketSink {
 public:
  SshClient(int port, const std::string& key_file) : session_(ssh_new()) {
    const bool no = false;
    ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &no);
    ssh_options_set(session_, SSH_OPTIONS_HOST, "127.0.0.1");
    ssh_options_set(session_, SSH_OPTIONS_PORT, &port);
    ssh_options_set(session_, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
    ssh_options_set(session_, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    gateway::watch_packets(session_, this);
    EXPECT_EQ(ssh_connect(session_), SSH_OK) << ssh_get_error(session_);
    ssh_key key = nullptr;
    if (!key_file.empty()) {
      EXPECT_EQ(ssh_pki_import_privkey_file(key_file.c_str(), nullptr, nullptr, nullptr, &key), 0);
    }
    EXPECT_EQ(key == nullptr ? ssh_userauth_none(session_, "root")
                             : ssh_userauth_publickey(session_, "root", key),
              SSH_AUTH_SUCCESS);
    ssh_key_free(key);
    channel_ = ssh_channel_new(session_);
    EXPECT_EQ(ssh_channel_open_session(channel_), SSH_OK);
  }
  ~SshClient() override {
    gateway::forget_packets(session_);
    ssh_disconnect(session_);
    ssh_free(session_);
  }
  SshClient(const SshClient&) = delete;
  SshClient& operator=(const SshClient&) = delete;

  // request sends a request, and waits for the answer that it wants.
  int request(std::string_view name, std::string_view data, bool want_reply) {
    const size_t answers = replies_.size();
    const int rc = gateway::send_channel_request(channel_, name, data, want_reply);
    if (!want_reply || rc != SSH_OK) return rc;
    ssh_set_blocking(session_, 0);
    while (replies_.size() == answers && ssh_is_connected(session_) != 0) {
      if (ssh_message message = ssh_message_get(session_)) ssh_message_free(message);
      if (replies_.size() == answers) wait_readable();
    }
    ssh_set_blocking(session_, 1);
    return replies_.size() == answers + 1 && replies_.back() ? SSH_OK : SSH_ERROR;
  }
  // wait_for reads packets until `is_so` returns true. It returns false after 20 s.
  bool wait_for(const std::function<bool()>& is_so) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    ssh_set_blocking(session_, 0);
    while (!is_so() && std::chrono::steady_clock::now() < until) {
      if (ssh_message message = ssh_message_get(session_)) ssh_message_free(message);
      pollfd asked = {ssh_get_fd(session_), POLLIN, 0};
      const timespec wait = {0, 100'000'000};
      if (!is_so()) ppoll(&asked, 1, &wait, nullptr);
    }
    ssh_set_blocking(session_, 1);
    return is_so();
  }
  std::string read_to_end() {
    std::string out;
    char buffer[4096];
    size_t unopened = 0;
    for (int got; (got = ssh_channel_read(channel_, buffer, sizeof buffer, 0)) > 0;) {
      out.append(buffer, static_cast<size_t>(got));
      // The shim keeps libssh from opening the window of a watched session.
      unopened += static_cast<size_t>(got);
      if (gateway::open_window(channel_, unopened)) unopened = 0;
    }
    ssh_set_blocking(session_,
                     0);  // the output has ended; the exit status follows
    while (ssh_channel_is_closed(channel_) == 0) {
      if (ssh_message message = ssh_message_get(session_)) {
        ssh_message_reply_default(message);
        ssh_message_free(message);
      } else if (ssh_channel_is_closed(channel_) == 0) {
        wait_readable();
      }
    }
    return out;
  }
  const std::vector<Seen>& seen() const { return seen_; }
  // opened returns the answers to channel-opens: whether it succeeded, and the reason.
  const std::vector<std::pair<bool, std::string>>& opened() const { return opened_; }
  ssh_channel channel() const { return channel_; }

  void on_channel_request(ssh_channel, std::string_view name, bool want_reply,
                          std::string_view data) override {
    seen_.push_back({std::string(name), want_reply, std::string(data)});
  }
  void on_channel_reply(ssh_channel, bool ok) override { replies_.push_back(ok); }
  void on_open_reply(ssh_channel, bool ok, std::string_view text) override {
    opened_.emplace_back(ok, text);
  }
  void on_banner(std::string_view text, std::string_view language) override {
    banners_.emplace_back(text, language);
  }
  const std::vector<std::pair<std::string, std::string>>& banners() const { return banners_; }
  void on_global_request(std::string_view name, bool want_reply, std::string_view data) override {
    seen_.push_back({"global " + std::string(name), want_reply, std::string(data)});
  }

 private:
  void wait_readable() {
    pollfd asked = {ssh_get_fd(session_), POLLIN, 0};
    ppoll(&asked, 1, nullptr, nullptr);
  }

  ssh_session session_;
  ssh_channel channel_ = nullptr;
  std::vector<Seen> seen_;
  std::vector<bool> replies_;
  std::vector<std::pair<bool, std::string>> opened_;
  std::vector<std::pair<std::string, std::string>> banners_;
};

}  // namespace gatetape::testing
