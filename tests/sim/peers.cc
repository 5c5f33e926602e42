#include "tests/sim/peers.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace gatetape::sim {
namespace {

// Probability that a call of a port, which may ask to be repeated, does so.
constexpr double kFlow = 0.1;

}  // namespace

Peers::Peers(World* world, Oracle* oracle, uint64_t session, ChannelPlan plan,
             const std::array<size_t, 2>& first_window_bytes, Owner* owner)
    : world_(world),
      oracle_(oracle),
      session_(session),
      plan_(std::move(plan)),
      owner_(owner),
      alive_(std::make_shared<Peers*>(this)) {
  for (const Side side : {Side::kUser, Side::kTarget}) {
    end_of(side).window = plan_.window_bytes;
    end_of(side).may_send = first_window_bytes[static_cast<size_t>(side)];
  }
}

Peers::~Peers() {
  for (const Side side : {Side::kUser, Side::kTarget})
    if (end_of(side).kept_bytes > 0) keep(side, 0);
  owner_->on_channel_gone();
}

template <typename Task>
void Peers::after(int64_t delay_ns, Task task) {
  world_->after(delay_ns, [alive = std::weak_ptr<Peers*>(alive_), task] {
    const std::shared_ptr<Peers*> peers = alive.lock();
    if (peers != nullptr && !(*peers)->owner_->over()) task();
  });
}

// A peer sends its steps in order: bytes wait for the window, and all later steps wait behind them.
void Peers::say(Side from, Step step) {
  End& end = end_of(from);
  if (end.closed) return;
  end.closed = step.what == FrameClass::kClose;
  oracle_->on_said(session_, core_->number(), from, step);
  end.unsent.push_back(std::move(step));
  send(from);
}

void Peers::send(Side from) {
  End& end = end_of(from);
  while (!end.unsent.empty() && !owner_->over() && !lost(from)) {
    if (!deliver(from, end.unsent.front())) return;
    end.unsent.pop_front();
  }
}

bool Peers::deliver_bytes(Side from, Step& step) {
  std::string& held = end_of(from).library[static_cast<size_t>(step.stream)];
  const size_t room = plan_.library_bytes > held.size() ? plan_.library_bytes - held.size() : 0;
  const size_t count = std::min({room, step.data.size(), end_of(from).may_send});
  if (count > 0) {
    end_of(from).may_send -= count;
    held += step.data.substr(0, count);
    step.data.erase(0, count);
    const size_t taken = core_->on_bytes(from, step.stream, held);
    CHECK(taken == 0 || taken == held.size(), taken, held.size());
    if (taken > 0) held.clear();
    owner_->wake();
  }
  if (step.data.empty()) return true;
  if (held.empty() && count > 0) return deliver_bytes(from, step);
  return false;
}

bool Peers::deliver(Side from, Step& step) {
  switch (step.what) {
    case FrameClass::kBytes:
      return deliver_bytes(from, step);
    case FrameClass::kRequest:
      core_->on_request(from, step.request);
      break;
    case FrameClass::kReply:
      core_->on_reply(from, step.ok);
      break;
    case FrameClass::kOpenReply:
      core_->on_open_answer(step.ok, step.ok ? "" : "resource shortage");
      break;
    case FrameClass::kEof:
      core_->on_eof(from);
      break;
    case FrameClass::kClose:
      core_->on_close(from);
      break;
    case FrameClass::kOpen:
    case FrameClass::kDenial:
    case FrameClass::kNotice:
    case FrameClass::kSession:
    case FrameClass::kSystem:
      CHECK(step.what == FrameClass::kBytes, static_cast<int>(step.what));
  }
  owner_->wake();
  return true;
}

void Peers::hear(Side side, Step step) {
  End& end = end_of(side);
  if (end.exchanging) return end.kept.push_back(std::move(step));
  end.heard.push_back(std::move(step));
  if (std::exchange(end.listening, true)) return;
  after(world_->rng.between(kUs, 20 * kUs), [this, side] { listen(side); });
}

void Peers::listen(Side side) {
  end_of(side).listening = false;
  for (const Step& step : std::exchange(end_of(side).heard, {}))
    side == Side::kUser ? user_heard(step) : target_heard(step);
}

// A write that fails ends the connection. A write that the socket does not accept is repeated
// later.
bool Peers::stumbles(Side side) {
  if (world_->fails(Call::kWrite, 0)) {
    owner_->lose(side);
    return true;
  }
  if (!world_->strikes(world_->faults.sink_blocks)) return false;
  block(side);
  return true;
}

void Peers::block(Side side) {
  end_of(side).busy = true;
  after(world_->rng.between(100 * kUs, world_->rng.chance(0.9) ? 50 * kMs : 5 * kS), [this, side] {
    end_of(side).busy = false;
    owner_->wake();
  });
}

// During a key exchange the SSH library writes no bytes, and keeps everything else until its end.
void Peers::exchange_keys(Side side) {
  end_of(side).exchanging = true;
  after(world_->rng.between(kMs, world_->rng.chance(0.5) ? 50 * kMs : 5 * kS), [this, side] {
    end_of(side).exchanging = false;
    keep(side, 0);
    for (Step& step : std::exchange(end_of(side).kept, {})) hear(side, std::move(step));
    owner_->wake();
  });
}

void Peers::keep(Side side, uint64_t bytes) {
  end_of(side).kept_bytes = bytes;
  const Route route = side == Side::kTarget ? Route::kToTarget : Route::kToUser;
  oracle_->on_kept(session_, {route, core_->number()}, bytes);
}

// The peer reads the bytes some time later, and so opens its window again.
void Peers::take_window(Side side, size_t bytes) {
  end_of(side).window -= bytes;
  after(world_->rng.between(10 * kUs, 5 * kMs), [this, side, bytes] {
    end_of(side).window += bytes;
    owner_->wake();
  });
}

void Peers::open_on_target() {
  oracle_->on_step(session_, {Route::kToTarget, core_->number()}, FrameClass::kOpen, true);
  after(world_->rng.between(100 * kUs, 20 * kMs), [this] {
    const bool ok = !plan_.target_refuses && !lost(Side::kTarget);
    say(Side::kTarget, {.what = FrameClass::kOpenReply, .ok = ok});
    if (ok || !world_->rng.chance(0.5)) return;
    say(Side::kTarget, {.what = FrameClass::kRequest,
                        .request = {.name = "exit-status", .want_reply = false, .data = ""}});
  });
}

bool Peers::accept_open() {
  if (lost(Side::kUser)) return false;
  oracle_->on_step(session_, {Route::kToUser, core_->number()}, FrameClass::kOpenReply, true);
  hear(Side::kUser, {.what = FrameClass::kOpenReply, .ok = true});
  return true;
}

void Peers::refuse_open(gateway::OpenFailure why, std::string_view) {
  if (why == gateway::OpenFailure::kConnectFailed)
    oracle_->on_step(session_, {Route::kToUser, core_->number()}, FrameClass::kOpenReply, false);
  else
    oracle_->on_denial_told(session_);
}

gateway::ChannelPort::Written Peers::write(Side side, ByteStream stream, std::string_view bytes) {
  if (lost(side) || stumbles(side)) return {.bytes = 0, .closed = lost(side)};
  if (end_of(side).exchanging) return {};
  size_t count = std::min(bytes.size(), end_of(side).window);
  if (count > 0 && world_->strikes(world_->faults.partial_writes))
    count = world_->rng.below(count) + 1;
  if (count == 0) return {};
  const std::string part(bytes.substr(0, count));
  const Route route = side == Side::kTarget ? Route::kToTarget : Route::kToUser;
  oracle_->on_bytes(session_, {route, core_->number()}, stream, part);
  take_window(side, count);
  hear(side, {.what = FrameClass::kBytes, .stream = stream, .data = part});
  return {.bytes = count, .closed = false};
}

gateway::ChannelPort::Kept Peers::send_request(Side side, const gateway::Request& request) {
  if (world_->fails(Call::kWrite, 0)) owner_->lose(side);
  if (lost(side)) return Kept::kSent;
  const Route route = side == Side::kTarget ? Route::kToTarget : Route::kToUser;
  oracle_->on_request(session_, {route, core_->number()}, request);
  End& end = end_of(side);
  const bool strikes = world_->strikes(world_->faults.sink_blocks);
  if (strikes && !end.exchanging) world_->rng.chance(0.5) ? exchange_keys(side) : block(side);
  if (end.exchanging) keep(side, end.kept_bytes + request.data.size() + kFrameOverheadBytes);
  hear(side, {.what = FrameClass::kRequest, .request = request});
  return end.exchanging ? Kept::kKept : Kept::kSent;
}

bool Peers::answer_request(bool ok) {
  if (world_->strikes(kFlow * world_->faults.partial_writes)) {
    after(100 * kUs, [this] { owner_->wake(); });
    return false;
  }
  oracle_->on_step(session_, {Route::kToUser, core_->number()}, FrameClass::kReply, ok);
  return true;
}

void Peers::send_eof(Side side) {
  const Route route = side == Side::kTarget ? Route::kToTarget : Route::kToUser;
  oracle_->on_step(session_, {route, core_->number()}, FrameClass::kEof, true);
  hear(side, {.what = FrameClass::kEof});
}

bool Peers::send_close(Side side) {
  if (lost(side)) return true;
  if (world_->strikes(kFlow * world_->faults.partial_writes)) {
    after(100 * kUs, [this] { owner_->wake(); });
    return false;
  }
  const Route route = side == Side::kTarget ? Route::kToTarget : Route::kToUser;
  oracle_->on_step(session_, {route, core_->number()}, FrameClass::kClose, true);
  hear(side, {.what = FrameClass::kClose});
  return true;
}

std::string_view Peers::read_held(Side side, ByteStream stream, size_t bytes_max) {
  std::string& held = end_of(side).library[static_cast<size_t>(stream)];
  read_ = held.substr(0, bytes_max);
  held.erase(0, read_.size());
  after(kUs, [this, side] { send(side); });
  return read_;
}

bool Peers::open_window(Side side, size_t bytes) {
  const size_t promised = end_of(side).may_send + bytes;
  CHECK(promised <= owner_->window_bytes_max(), promised, owner_->window_bytes_max());
  if (world_->strikes(kFlow * world_->faults.partial_writes)) {
    after(100 * kUs, [this] { owner_->wake(); });
    return false;
  }
  end_of(side).may_send += bytes;
  after(kUs, [this, side] { send(side); });
  return true;
}

void Peers::user_heard(const Step& step) {
  if (step.what == FrameClass::kOpenReply) return user_turn();
  if (step.what != FrameClass::kClose) return;
  say(Side::kUser, {.what = FrameClass::kClose});
}

void Peers::user_turn() {
  if (played_ == plan_.script.size() || end_of(Side::kUser).closed) return;
  say(Side::kUser, plan_.script[played_++]);
  after(world_->rng.between(plan_.think_ns / 2, plan_.think_ns), [this] { user_turn(); });
}

void Peers::target_heard(const Step& step) {
  if (step.what == FrameClass::kRequest) return target_runs(step);
  if (step.what == FrameClass::kClose) return say(Side::kTarget, {.what = FrameClass::kClose});
  if (step.what == FrameClass::kEof && !runs_command_)
    after(world_->rng.between(100 * kUs, 50 * kMs), [this] { target_exits(); });
  if (step.what != FrameClass::kBytes) return;
  if (runs_sftp_) return target_answers(step.data);
  if (plan_.echoes && !exited_) say(Side::kTarget, {.what = FrameClass::kBytes, .data = step.data});
}

void Peers::target_runs(const Step& step) {
  if (step.request.want_reply) say(Side::kTarget, {.what = FrameClass::kReply, .ok = true});
  runs_sftp_ = runs_sftp_ || step.request.name == "subsystem";
  if (step.request.name != "exec") return;
  runs_command_ = true;
  after(world_->rng.between(kUs, 50 * kMs), [this] { target_prints(); });
}

void Peers::target_prints() {
  const size_t rest = plan_.output_bytes - printed_;
  if (rest == 0) return target_exits();
  const size_t count = std::min<size_t>(rest, world_->rng.below(plan_.chunk_bytes) + 1);
  printed_ += count;
  const ByteStream stream = world_->rng.chance(0.2) ? ByteStream::kStderr : ByteStream::kData;
  say(Side::kTarget,
      {.what = FrameClass::kBytes, .stream = stream, .data = world_->rng.bytes(count)});
  after(world_->rng.between(10 * kUs, 5 * kMs), [this] { target_prints(); });
}

// target_answers sends an SSH_FXP_STATUS with the code SSH_FX_OK for each whole packet
// (draft-ietf-secsh-filexfer-02 section 7).
void Peers::target_answers(std::string_view bytes) {
  packets_ += bytes;
  for (;;) {
    ByteReader reader(packets_);
    std::string_view packet;
    uint32_t id = 0;
    if (!reader.get_string(&packet) || packet.size() < 5) return;
    ByteReader(packet.substr(1)).get_u32(&id);
    std::string status(1, '\x65');
    for (uint32_t number : {id, 0U, 0U, 0U}) put_u32(&status, number);
    std::string answer;
    put_string(&answer, status);
    packets_.erase(0, packet.size() + 4);
    say(Side::kTarget, {.what = FrameClass::kBytes, .data = std::move(answer)});
  }
}

void Peers::target_exits() {
  if (std::exchange(exited_, true)) return;
  std::string status;
  put_u32(&status, 0);
  say(Side::kTarget, {.what = FrameClass::kEof});
  say(Side::kTarget, {.what = FrameClass::kRequest,
                      .request = {.name = "exit-status", .want_reply = false, .data = status}});
  say(Side::kTarget, {.what = FrameClass::kClose});
}

}  // namespace gatetape::sim
