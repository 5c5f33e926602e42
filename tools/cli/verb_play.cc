#include "tools/cli/verb_play.h"

#include <cmath>
#include <memory>
#include <string>

#include "base/clock.h"
#include "client/audit_client.h"
#include "client/frame_role.h"
#include "client/session_view.h"
#include "client/text_filter.h"
#include "client/times.h"
#include "tools/cli/player.h"
#include "tools/cli/verb_argument.h"

namespace gatetape::tools {
namespace {

namespace v1 = audit::v1;

struct Options {
  std::string id;
  std::string at;
  double speed = 1;
  double max_idle_s = 0;  // 0 = silences keep their length
  uint32_t channel = 0;
  bool text = false;
  bool follow = false;
};

// print_text prints the text of the chosen channel, or of all channels, without timing.
absl::Status print_text(const Options& options, client::AuditClient& client) {
  v1::ReadFramesRequest request;
  request.set_id(options.id);
  request.set_follow(options.follow);
  client::TextFilter filter;
  client::OpenedChannels opened;
  const auto print = [](const std::string& text) {
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
           std::fflush(stdout) == 0;
  };
  const absl::Status status = client.read(request, [&](const Frame& frame) {
    opened.add(frame);
    if (options.channel != 0 && frame.channel != options.channel) return true;
    if (!client::is_shown(frame)) return true;
    return print(filter.feed(frame.payload));
  });
  print(filter.flush());
  // When the output cannot be written, the reading stops before the last frame.
  return status.ok() && std::ferror(stdout) == 0 ? opened.check(options.channel) : status;
}

absl::StatusOr<PlayerOptions> player_options(const Options& options, client::AuditClient& client) {
  const auto detail = client.get(options.id);
  if (!detail.ok()) return detail.status();
  const auto channel = client::pick_channel(*detail, options.channel);
  if (!channel.ok()) return channel.status();
  PlayerOptions player;
  player.id = client::id_text(detail->session().session_id());
  player.channel = *channel;
  player.largest_screen = client::largest_screen(*detail, *channel);
  player.pace.speed = options.speed;
  if (options.max_idle_s > 0)
    player.pace.max_idle_ns = static_cast<int64_t>(std::llround(options.max_idle_s * 1e9));
  if (!options.at.empty()) {
    const auto start_ns = client::parse_position(options.at);
    if (!start_ns.ok()) return start_ns.status();
    player.start_ns = *start_ns;
  }
  player.follow = options.follow;
  return player;
}

absl::Status run(const Options& options, const client::Context& context) {
  if (!options.text && !context.stdout_is_tty)
    return absl::InvalidArgumentError(
        "standard output is not a terminal: use --text, or `gatetape export`");
  if (options.text) {
    const auto client = client::AuditClient::connect(context);
    return client.ok() ? print_text(options, **client) : client.status();
  }
  const ExitSignals signals;
  const auto client = client::AuditClient::connect(context);
  if (!client.ok()) return client.status();
  const auto player = player_options(options, **client);
  if (!player.ok()) return player.status();
  return Player(*player, **client, system_clock(), signals.fd()).run();
}

}  // namespace

void add_play(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<Options>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand(
      "play", "replay a session in this terminal (space: pause, left/right: 5 s, q: quit)");
  add_session_argument(verb, &options->id)->required();
  verb->add_option("-s,--speed", options->speed, "multiply the true speed by this (default 1)")
      ->check(CLI::Range(0.01, 1000.0));
  verb->add_option("-i,--max-idle", options->max_idle_s, "shorten silences to this many seconds")
      ->check(CLI::Range(0.001, 1e6));
  verb->add_option("--at", options->at, "start at this position: seconds, mm:ss or hh:mm:ss");
  verb->add_option("--channel", options->channel, "number of the channel, when there are several");
  verb->add_flag("-f,--follow", options->follow, "show what a live session does while it does it");
  verb->add_flag("--text", options->text, "print the text at once, without control sequences");
  verb->callback([options, &context] { context.fail(run(*options, context)); });
}

}  // namespace gatetape::tools
