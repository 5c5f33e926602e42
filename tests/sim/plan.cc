#include "tests/sim/plan.h"

#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "gateway/session/channel_core.h"

namespace gatetape::sim {
namespace {

std::string ssh_string(std::string_view value) {
  std::string bytes;
  put_string(&bytes, value);
  return bytes;
}

Said request(std::string_view name, bool want_reply, std::string_view data) {
  return {
      .what = FrameClass::kRequest,
      .request = {.name = std::string(name), .want_reply = want_reply, .data = std::string(data)}};
}

Said bytes(std::string data) { return {.what = FrameClass::kBytes, .data = std::move(data)}; }

Said eof() { return {.what = FrameClass::kEof}; }

Said env(std::string_view name, std::string_view value) {
  return request("env", false, ssh_string(name) + ssh_string(value));
}

Said resize(uint32_t columns, uint32_t rows) {
  std::string data;
  for (uint32_t number : {columns, rows, 0U, 0U}) put_u32(&data, number);
  return request("window-change", false, data);
}

Said pty() {
  std::string data = ssh_string("xterm");
  for (uint32_t number : {80U, 24U, 0U, 0U}) put_u32(&data, number);
  return request("pty-req", true, data + ssh_string(std::string(1, '\0')));
}

// packet returns the bytes of an sftp packet (draft-ietf-secsh-filexfer-02 section 3).
Said packet(uint8_t type, uint32_t id, std::string_view fields) {
  std::string body(1, static_cast<char>(type));
  put_u32(&body, id);
  return bytes(ssh_string(body.append(fields)));
}

Said write_packet(uint32_t id, uint32_t offset, std::string_view data) {
  std::string fields = ssh_string("handle");
  put_u64(&fields, offset);
  return packet(6, id, fields + ssh_string(data));
}

// put returns the steps of a client that puts a file: init with its version, open, writes, close
// and EOF.
std::vector<Said> put(Rng& rng, uint32_t writes, uint32_t write_bytes) {
  std::vector<Said> script = {request("subsystem", true, ssh_string("sftp")), packet(1, 3, ""),
                              packet(3, 1, ssh_string("/srv/dump") + std::string(8, '\0'))};
  for (uint32_t i = 0; i < writes; i++)
    script.push_back(write_packet(2 + i, i * write_bytes, rng.bytes(write_bytes)));
  script.push_back(packet(4, 2 + writes, ssh_string("handle")));
  script.push_back(eof());
  return script;
}

Said draw_step(Rng& rng) {
  if (rng.chance(0.1)) return resize(static_cast<uint32_t>(rng.between(20, 200)), 24);
  if (rng.chance(0.05)) return request("signal", false, ssh_string("INT"));
  if (rng.chance(0.02)) return request(rng.chance(0.5) ? "x11-req" : "shell", true, "");
  // PuTTY sends this one in the middle of the data, and wants an answer.
  if (rng.chance(0.05)) return request("winadj@putty.projects.tartarus.org", true, "");
  const size_t count = rng.chance(0.1) ? rng.below(3000) + 1 : rng.below(24) + 1;
  return bytes(rng.bytes(count));
}

// long_command returns a command around the limit of a request: it passes, or is denied alone.
Said long_command(Rng& rng, size_t request_bytes_max) {
  const size_t head_bytes = ssh_string("").size();
  return request("exec", true,
                 ssh_string(rng.bytes(request_bytes_max - head_bytes - 2 + rng.below(5))));
}

// flood returns the steps of a client that asks more than a target takes that pauses: window
// changes have neither an answer nor flow control.
std::vector<Said> flood(Rng& rng) {
  std::vector<Said> script = {request("shell", true, "")};
  for (uint64_t i = rng.below(100) + 60; i > 0; i--)
    script.push_back(resize(static_cast<uint32_t>(i), 24));
  script.push_back(eof());
  return script;
}

ChannelPlan draw_channel(Rng& rng) {
  ChannelPlan plan;
  plan.starts_after_ns = rng.between(0, 500 * kMs);
  plan.think_ns = rng.chance(0.3) ? 200 * kUs : rng.between(kMs, kS);
  plan.echoes = rng.chance(0.8);
  plan.is_early = rng.chance(0.1);
  plan.target_refuses = rng.chance(0.03);
  if (rng.chance(0.05)) plan.type = "direct-tcpip";
  if (rng.chance(0.3)) plan.window_bytes = rng.below(200) + 1;
  if (rng.chance(0.3)) plan.library_bytes = rng.below(400) + 1;
  std::vector<Said>& script = plan.script;
  if (rng.chance(0.05)) {
    plan.think_ns = rng.between(20 * kUs, 2 * kMs);
    script = flood(rng);
    return plan;
  }
  if (rng.chance(0.1)) {
    script = put(rng, static_cast<uint32_t>(rng.below(6)), static_cast<uint32_t>(rng.below(900)));
    return plan;
  }
  if (rng.chance(0.2)) script.push_back(request("auth-agent-req@openssh.com", rng.chance(0.7), ""));
  if (rng.chance(0.5)) script.push_back(env("LANG", rng.bytes(rng.below(30) + 1)));
  if (rng.chance(0.4)) {
    plan.output_bytes = rng.chance(0.3) ? rng.below(6000) : rng.below(200);
    script.push_back(rng.chance(0.1) ? long_command(rng, kRequestBytesMax)
                                     : request("exec", true, ssh_string("make " + rng.bytes(6))));
  } else {
    script.push_back(pty());
    script.push_back(request("shell", true, ""));
  }
  for (uint64_t i = rng.below(16); i > 0; i--) script.push_back(draw_step(rng));
  script.push_back({.what = rng.chance(0.8) ? FrameClass::kEof : FrameClass::kClose});
  return plan;
}

// make_large changes the plan so that the session fills whole Record requests, by bytes or by
// number of frames.
void make_large(Rng& rng, SessionPlan* plan) {
  plan->window_bytes = 1 << 20;
  plan->is_large = true;
  ChannelPlan& channel = plan->channels.front();
  channel.window_bytes = channel.library_bytes = 1 << 20;
  if (rng.chance(0.5)) {
    const size_t request_bytes_max = gateway::ChannelLimits{}.request_bytes_max;
    channel.script = {rng.chance(0.5) ? long_command(rng, request_bytes_max)
                                      : request("exec", true, ssh_string("cat")),
                      eof()};
    channel.output_bytes = 600'000;
    channel.chunk_bytes = 48 * 1024;
    return;
  }
  channel.think_ns = 10 * kUs;
  channel.script = {request("shell", true, "")};
  for (int i = 0; i < 1200; i++) channel.script.push_back(bytes(rng.bytes(1)));
  channel.script.push_back(eof());
}

// draw_banners returns the texts of a target that has banners. They have a generator of their own,
// so that the other draws of a seed stay what they were.
std::vector<std::string> draw_banners(uint64_t seed) {
  Rng rng(seed);
  std::vector<std::string> banners;
  if (rng.chance(0.8)) return banners;
  for (uint64_t i = rng.below(3) + 1; i > 0; i--) banners.push_back(rng.bytes(rng.below(60) + 1));
  return banners;
}

}  // namespace

SessionPlan draw_plan(Rng& rng) {
  SessionPlan plan;
  constexpr int64_t kFreezes[] = {5 * kS, 30 * kS, 300 * kS};
  plan.starts_after_ns = rng.between(0, 2 * kS);
  plan.window_bytes = uint64_t{64} << rng.below(8);
  plan.freeze_ns = kFreezes[rng.below(3)];
  plan.target_fails = rng.chance(0.04);
  plan.banners = draw_banners(static_cast<uint64_t>(plan.starts_after_ns));
  for (uint64_t i = rng.below(3) + 1; i > 0; i--) plan.channels.push_back(draw_channel(rng));
  if (rng.chance(0.1)) plan.channels_max = 1;
  if (rng.chance(0.005)) make_large(rng, &plan);
  return plan;
}

SessionPlan fixed_plan() {
  Rng rng(1);
  SessionPlan plan;
  plan.window_bytes = 4096;
  plan.freeze_ns = 30 * kS;
  ChannelPlan shell;
  shell.think_ns = 20 * kMs;
  shell.script = {
      pty(), request("shell", true, ""), resize(100, 40), bytes("ls\r"), bytes("exit\r"), eof()};
  ChannelPlan command;
  command.starts_after_ns = 300 * kMs;
  command.think_ns = 20 * kMs;
  command.output_bytes = 100;
  command.script = {request("exec", true, ssh_string("uptime")), eof()};
  ChannelPlan file;
  file.starts_after_ns = 100 * kMs;
  file.think_ns = 10 * kMs;
  file.script = put(rng, 4, 1500);
  plan.channels = {std::move(shell), std::move(file), std::move(command)};
  return plan;
}

}  // namespace gatetape::sim
