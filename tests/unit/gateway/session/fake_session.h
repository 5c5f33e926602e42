// FakeSession: a SessionCore whose recorder and peers a test controls step by step. Everything that
// reaches the peers is added to a list of words. One thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "gateway/session/access_rules.h"
#include "gateway/session/session_core.h"
#include "gateway/session/session_invariants.h"

namespace gatetape::gateway {

using Words = std::vector<std::string>;

inline std::string side_name(Side side) { return side == Side::kUser ? "user" : "target"; }

class FakePeers : public ChannelPort {
 public:
  explicit FakePeers(Words* words) : words_(words) {}
  void open_on_target() override { words_->push_back("target: open"); }
  bool accept_open() override {
    words_->push_back("user: opened");
    return true;
  }
  void refuse_open(OpenFailure why, std::string_view text) override {
    const bool is_shortage = why == OpenFailure::kResourceShortage;
    words_->push_back(std::string(is_shortage ? "user: no resources: " : "user: refused: ") +
                      std::string(text));
  }
  bool lost(Side) const override { return false; }
  bool busy(Side) const override { return busy_; }
  size_t window(Side) const override { return window_; }
  Written write(Side side, Stream stream, std::string_view bytes) override {
    words_->push_back(side_name(side) + (stream == Stream::kStderr ? " stderr: " : ": ") +
                      std::string(bytes));
    return {.bytes = bytes.size(), .closed = false};
  }
  Kept send_request(Side side, const Request& request) override {
    words_->push_back(side_name(side) + ": request " + request.name);
    return Kept::kSent;
  }
  bool answer_request(bool ok) override {
    words_->push_back(ok ? "user: success" : "user: failure");
    return true;
  }
  void send_eof(Side side) override { words_->push_back(side_name(side) + ": eof"); }
  bool send_close(Side side) override {
    words_->push_back(side_name(side) + ": close");
    return true;
  }
  std::string_view read_held(Side, Stream, size_t bytes_max) override {
    read_ = held_.substr(0, bytes_max);
    held_.erase(0, read_.size());
    return read_;
  }
  bool open_window(Side side, size_t bytes) override {
    opened_[static_cast<size_t>(side)] += bytes;
    return true;
  }

  std::array<size_t, 2> opened_{};  // by Side: the bytes by which windows were opened
  bool busy_ = false;
  size_t window_ = 1 << 20;
  std::string held_;  // bytes of either side

 private:
  Words* words_;
  std::string read_;
};

// kRules allows the session that FakeSession has.
constexpr const char* kRules = R"(
[[user]]
name = "alice"
keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"]
roles = ["sre"]
[[target]]
name = "db1"
address = "10.0.0.1"
labels = { env = "prod" }
host_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"]
[[role]]
name = "sre"
targets = ["env=prod"]
logins = ["root"]
allow = ["shell", "sftp"]
)";

// rules returns kRules with `to` in the place of `from`.
inline Access rules(const std::string& from = "", const std::string& to = "") {
  std::string text = kRules;
  CHECK(text.find(from) != std::string::npos, from);
  absl::StatusOr<Access> access =
      Access::parse(text.replace(text.find(from), from.size(), to), "/etc/gatetape/access.toml");
  CHECK(access.ok(), access.status().message());
  return *std::move(access);
}

// wish returns the session that FakeSession has.
inline SessionWish wish() {
  return {.credential = {.user = "alice", .key_blob = rules().user("alice")->key_blobs[0]},
          .target = "db1",
          .target_text = "db1",
          .login = "root",
          .address = "10.0.0.1:22"};
}

// large_windows returns limits with which a test need not open windows.
inline SessionLimits large_windows() {
  SessionLimits limits;
  limits.channel.first_window_bytes = {size_t{16} << 20, size_t{16} << 20};
  return limits;
}

class FakeSession : public SessionPort, public RecordPort {
 public:
  explicit FakeSession(SessionLimits limits = large_windows(), uint64_t window_bytes = 1 << 20,
                       Grant grant = {.rule = "sre", .shell = true, .exec = false, .sftp = true})
      : limits_(limits),
        recording_({.session = SessionId::mint(1'000'000'000),
                    .commit_key = std::string(kCommitKeyBytes, 'k'),
                    .window_bytes = window_bytes,
                    .forced_bytes_max = 1 << 22,
                    .key = &key_},
                   *this),
        core_(wish(), grant, limits_, *memory_, recording_, *this) {
    recording_.set_owner(&core_);
  }

  // up starts the session and makes its target ready, so that channels can be opened.
  void up() {
    core_.start(Event{{"kind", "session"}});
    commit();
    core_.on_target_ready(Event{{"address", "10.0.0.1:22"}});
    commit();
    words_.clear();
  }
  // open starts a channel that the target accepts.
  ChannelCore& open() {
    auto peers = std::make_unique<FakePeers>(&words_);
    peers_ = peers.get();
    ChannelCore* const channel = core_.open_channel("session", std::move(peers));
    CHECK(channel != nullptr, words_.size());
    commit();
    channel->on_open_answer(true, "");
    commit();
    words_.clear();
    return *channel;
  }
  // commit makes the claim and all offered frames durable, and services the session.
  void commit() {
    answer_claim(absl::OkStatus());
    if (!sent_.empty()) tell_durable(sent_.back()->frame.seq, sent_.back()->root);
    service();
  }
  // answer_claim sends the result of the claim, when the recording waits for it.
  void answer_claim(const absl::Status& claimed) {
    if (std::exchange(is_claim_waiting_, false)) recording_.on_claimed(claimed);
  }
  // tell_durable sends the recorder's answer that the frames up to `seq` are durable under `root`.
  void tell_durable(uint64_t seq, const Hash& root) {
    tee::TeeEvent event;
    event.seq = seq;
    event.root = root;
    recording_.on_event(event);
  }
  void service() {
    core_.service();
    core_.check_target();
    invariants_.check_step(core_);
  }
  // kinds returns the names of the frames that were offered since the last call.
  Words kinds() {
    Words names;
    for (; named_ < sent_.size(); named_++)
      names.emplace_back(kind_name(sent_[named_]->frame.kind));
    return names;
  }

  // SessionPort
  void connect_target() override { words_.push_back("target: connect"); }
  void let_user_in() override { words_.push_back("user: in"); }
  void show_banner(const Banner& banner) override {
    words_.push_back("user: banner " + banner.language + " " + banner.text);
  }
  void refuse_request(uint64_t) override { words_.push_back("request refused"); }
  void on_over(const SessionEnd& end) override {
    words_.push_back("over: " + end.reason);
    end_ = end;
  }
  void wake() override {}
  bool user_lost() const override { return user_lost_; }
  bool target_lost() const override { return target_lost_; }
  Loss user_loss() const override { return loss_; }
  Loss target_loss() const override { return loss_; }
  bool user_busy() const override { return false; }
  int64_t mono_ns() override { return now_ns_; }
  // RecordPort
  int64_t wall_ns() override { return 1'000'000'000 + now_ns_; }
  void claim() override {
    is_claim_waiting_ = true;
    offers_.emplace_back("claim");
  }
  void add(tee::FramePtr frame) override {
    offers_.emplace_back(kind_name(frame->frame.kind));
    sent_.push_back(std::move(frame));
  }
  void close(tee::FramePtr last, tee::CloseItem head) override {
    sent_.push_back(std::move(last));
    head_ = std::move(head);
  }
  void on_closed(const SessionHead&) override { closed_ = true; }
  void on_failed(const std::string& reason) override { failed_ = reason; }

  Words words_;
  FakePeers* peers_ = nullptr;  // the peers of the channel that was opened last
  Words offers_;                // the claim and the kinds of all frames, in order
  std::vector<tee::FramePtr> sent_;
  size_t named_ = 0;
  tee::CloseItem head_;
  bool closed_ = false;
  std::string failed_;
  bool is_claim_waiting_ = false;
  bool user_lost_ = false;
  bool target_lost_ = false;
  Loss loss_{.by_peer = true};  // of the connection that is lost
  SessionEnd end_;
  int64_t now_ns_ = 0;
  const SigningKey key_ = SigningKey::generate();
  const SessionLimits limits_;
  MemoryBudget budget_{uint64_t{1} << 30};
  const std::shared_ptr<MemoryBudget::Account> memory_ = budget_.account("alice");
  Recording recording_;
  SessionCore core_;
  SessionInvariants invariants_;
};

inline Request request(const std::string& name, bool want_reply) {
  return {.name = name, .want_reply = want_reply, .data = ""};
}

}  // namespace gatetape::gateway
