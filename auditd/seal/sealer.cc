#include "auditd/seal/sealer.h"

#include <utility>

#include "base/os/daemon.h"

namespace gatetape::auditd {
namespace {

constexpr double kSecondNs = 1e9;
// The sequencer looks for entries each second or two. When the last look is older, nobody knows
// whether an entry waits, and its age counts as the lag.
constexpr double kFreshS = 5;
// While files are missing they are written without a pause between two steps.
constexpr int64_t kBusyNs = 1'000'000;

// report_witness writes a line when a witness begins or ceases to fail or to refuse.
void report_witness(const WitnessState& before, const WitnessState& now) {
  if (now.is_ok == before.is_ok && now.refuses == before.refuses) return;
  if (now.refuses)
    log_error("witness_refuses", {{"witness", now.name}, {"reason", now.detail}});
  else if (!now.is_ok)
    log_warn("witness_fails", {{"witness", now.name}, {"reason", now.detail}});
  else
    log_info("witness_cosigns_again", {{"witness", now.name}});
}

}  // namespace

Sealer::Sealer(Options options)
    : store_(std::move(options.store)),
      clock_(options.clock),
      publisher_(std::move(options.publish_dir)),
      core_({.store = *store_,
             .publication = publisher_,
             .signer = std::move(options.signer),
             .keys = std::move(options.keys),
             .judge = EntryJudge(std::move(options.recorders))}),
      looked_at_ns_(clock_.mono_ns()) {
  for (Options::Witness& witness : options.witnesses)
    witnesses_.push_back(std::make_unique<WitnessLine>(WitnessLine::Options{
        .key = std::move(witness.key), .url = std::move(witness.url), .on_reply = [this] {
          pause_.wake();
        }}));
  thread_ = std::thread([this] { run(); });
}

Sealer::~Sealer() {
  pause_.end();
  thread_.join();
}

void Sealer::run() {
  while (!pause_.wait(std::chrono::nanoseconds(step()))) {
  }
}

int64_t Sealer::step() {
  int64_t due_ns = core_.step({.wall_ns = clock_.wall_ns(), .mono_ns = clock_.mono_ns()});
  if (core_.state() != SequencerCore::State::kClosed) looked_at_ns_ = clock_.mono_ns();
  take_replies();
  if (core_.state() == SequencerCore::State::kSealing)
    publish();
  else
    publisher_.abandon();
  if (publishing_.empty() && publisher_.is_busy()) due_ns = kBusyNs;
  write_notices();
  keep_state();
  return due_ns;
}

void Sealer::publish() {
  const absl::StatusOr<bool> published = publisher_.publish(*store_, *core_.newest());
  std::string fault = published.ok() ? "" : std::string(published.status().message());
  if (!published.ok() && fault != publishing_) log_error("log_not_published", {{"reason", fault}});
  if (published.ok() && !publishing_.empty()) log_info("log_published_again");
  publishing_ = std::move(fault);
  // A witness never sees what is not published: after the database has lost it, the published log
  // tells, and this auditd signs no other tree.
  if (published.ok() && *published) ask_witnesses();
}

void Sealer::take_replies() {
  for (const auto& line : witnesses_) {
    if (core_.state() != SequencerCore::State::kSealing) return;
    WitnessTurn& turn = line->turn();
    const WitnessState before = turn.state();
    if (const std::optional<WitnessReply> reply = line->take_reply()) take_reply(turn, *reply);
    report_witness(before, turn.state());
  }
}

void Sealer::ask_witnesses() {
  for (const auto& line : witnesses_) {
    WitnessTurn& turn = line->turn();
    const WitnessState before = turn.state();
    const int64_t now_ns = clock_.mono_ns();
    if (turn.is_due(*core_.newest(), now_ns)) {
      absl::StatusOr<std::string> body = turn.ask(*core_.newest(), store_->nodes(), now_ns);
      if (body.ok()) line->send(*std::move(body));
    }
    report_witness(before, turn.state());
  }
}

// A cosignature that comes when the log has grown is of no use, and the next one is asked for.
void Sealer::take_reply(WitnessTurn& turn, const WitnessReply& reply) {
  const std::optional<NoteSignature> signature = turn.on_reply(reply, clock_.mono_ns());
  if (signature) core_.cosign(turn.asked_text(), *signature).IgnoreError();
}

void Sealer::write_notices() {
  for (const SealNotice& notice : core_.take_notices()) {
    const LogFields fields = {{"reason", notice.reason}};
    switch (notice.level) {
      case SealNotice::Level::kInfo:
        log_info(notice.event, fields);
        break;
      case SealNotice::Level::kWarn:
        log_warn(notice.event, fields);
        break;
      case SealNotice::Level::kError:
        log_error(notice.event, fields);
        break;
    }
  }
}

void Sealer::keep_state() {
  SealState state;
  state.state = core_.state();
  state.reason = core_.reason();
  state.is_rolled_back = core_.is_rolled_back();
  state.epoch = core_.epoch();
  if (core_.newest()) state.size = core_.newest()->tree.size;
  state.lag_s = static_cast<double>(core_.oldest_waiting_ns()) / kSecondNs;
  state.refused_entries = core_.refused_entries();
  state.publishing = publishing_;
  for (const auto& line : witnesses_) state.witnesses.push_back(line->turn().state());
  const absl::MutexLock lock(&mutex_);
  state_ = std::move(state);
  state_of_ns_ = looked_at_ns_;
}

SealState Sealer::state() {
  const absl::MutexLock lock(&mutex_);
  SealState state = state_;
  const double since_s = static_cast<double>(clock_.mono_ns() - state_of_ns_) / kSecondNs;
  if (state.lag_s > 0 || since_s > kFreshS) state.lag_s += since_s;
  return state;
}

}  // namespace gatetape::auditd
