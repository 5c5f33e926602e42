#include "tools/cli/player.h"

#include <poll.h>

#include <string_view>

#include "client/frame_role.h"
#include "tools/cli/play_fit.h"

namespace gatetape::tools {
namespace {

constexpr int64_t kSeekNs = 5'000'000'000;
constexpr std::string_view kClear = "\x1b[0m\x1b[?1049l\x1b[r\x1b[2J\x1b[H";

}  // namespace

Player::Player(const PlayerOptions& options, client::AuditClient& client, const Clock& clock,
               int signals)
    : options_(options),
      client_(client),
      clock_(clock),
      signals_(signals),
      pace_(options.pace, clock.mono_ns()) {
  if (options.start_ns > 0) pace_.seek({options.start_ns, clock.mono_ns()});
}

absl::Status Player::run() {
  if (!fit_terminal()) return absl::OkStatus();
  start_feed();
  absl::Status status;
  while (true) {
    while (!next_ && (next_ = feed_->pop()))
      if (!shows(*next_)) next_.reset();
    if (!next_ && feed_->finished(&status)) return status;
    const int64_t wait_ns = wait_for_next_ns();
    if (wait(wait_ns) == Event::kQuit) return absl::OkStatus();
    if (wait_ns != 0 || !next_) continue;  // it is not due yet, or a key moved the position
    if (!show(*next_)) return absl::UnknownError("the terminal was closed during the replay");
    next_.reset();
  }
}

// fit_terminal asks what to do when this terminal is too small. It returns false when the person
// quits.
bool Player::fit_terminal() {
  const std::optional<client::ScreenSize> size = terminal_.size();
  const std::optional<client::ScreenSize>& recorded = options_.largest_screen;
  if (!size || !recorded || recorded->fits_into(*size)) return true;
  const Fit fit = ask_fit(terminal_, signals_, *recorded);
  if (fit == Fit::kClip) clip_.emplace(terminal_.size().value_or(*size), *recorded);
  return fit != Fit::kQuit;
}

PaceMoment Player::moment_of(const Frame& frame) const {
  return {static_cast<int64_t>(frame.offset_ns), clock_.mono_ns()};
}

int64_t Player::wait_for_next_ns() const {
  if (!next_) return -1;
  return options_.follow ? 0 : pace_.wait_ns(moment_of(*next_));
}

void Player::start_feed() {
  audit::v1::ReadFramesRequest request;
  request.set_id(options_.id);
  request.set_follow(options_.follow);
  feed_.reset();
  feed_ = std::make_unique<client::FrameFeed>(client_, request);
  next_.reset();
  newlines_ = client::Newlines();
  filter_ = PlayFilter(clip_);
  if (clip_) write_all(PlayClip::kStart);
}

bool Player::shows(const Frame& frame) {
  if (frame.channel != options_.channel) return false;
  newlines_.note(frame);
  if (const auto size = client::screen_size_of(frame)) filter_.resize(*size);
  return client::is_shown(frame);
}

bool Player::show(const Frame& frame) {
  pace_.shown(moment_of(frame));
  return write_all(filter_.feed(newlines_.feed(frame.payload)));
}

// wait waits at most `wait_ns` for a key, a signal or, when no frame is at hand, for a frame.
Player::Event Player::wait(int64_t wait_ns) {
  pollfd fds[] = {
      {signals_, POLLIN, 0}, {terminal_.fd(), POLLIN, 0}, {next_ ? -1 : feed_->fd(), POLLIN, 0}};
  const timespec timeout = {wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
  ppoll(fds, 3, wait_ns < 0 ? nullptr : &timeout, nullptr);
  if (fds[0].revents != 0) return Event::kQuit;
  return fds[1].revents != 0 ? on_keys(terminal_.read_keys()) : Event::kNone;
}

Player::Event Player::on_keys(const std::string& keys) {
  if (keys.empty()) return Event::kQuit;  // the terminal is closed
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string_view sequence = std::string_view(keys).substr(i, 3);
    if (keys[i] == 'q' || keys[i] == '\x03') return Event::kQuit;
    if (keys[i] == ' ') pace_.toggle_pause(clock_.mono_ns());
    if (sequence == "\x1b[C" || sequence == "\x1bOC") seek_by(kSeekNs);
    if (sequence == "\x1b[D" || sequence == "\x1bOD") seek_by(-kSeekNs);
    if (sequence.size() == 3 && sequence[0] == '\x1b') i += 2;
  }
  return Event::kNone;
}

void Player::seek_by(int64_t delta_ns) {
  if (options_.follow) return;
  const int64_t now_ns = clock_.mono_ns();
  pace_.seek({pace_.position_ns(now_ns) + delta_ns, now_ns});
  if (delta_ns > 0) return;
  write_all(kClear);
  start_feed();
}

}  // namespace gatetape::tools
