#include "tests/sim/rules.h"

#include <string>
#include <utility>

#include "base/bytes.h"

namespace gatetape::sim {
namespace {

constexpr uint64_t kWindowBytes = 1 << 20;
// Budgets: with the small one, alice is soon above her fair share.
constexpr uint64_t kSmallMemoryBytes = 64 << 10;
constexpr uint64_t kLargeMemoryBytes = 1 << 30;

constexpr const char* kHostKey =
    "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
constexpr const char* kAlicesKey =
    "AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA";
constexpr const char* kOtherKey =
    "AAAAC3NzaC1lZDI1NTE5AAAAICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/";

// missing_of returns what rules lack that do not let alice log in, one of five things: 1 the user,
// 2 her role, 3 her key, 4 the target, 5 the login. It depends on what was drawn for the programs,
// so that the draws of a seed stay what they were. 0 when alice may log in.
int missing_of(const Allowed& allowed) {
  const int programs = (allowed.shell ? 1 : 0) + (allowed.exec ? 2 : 0) + (allowed.sftp ? 4 : 0);
  return allowed.login ? 0 : 1 + programs % 5;
}

std::string file_of(const Allowed& allowed) {
  std::string programs;
  if (allowed.shell) programs += "\"shell\", ";
  if (allowed.exec) programs += "\"exec\", ";
  if (allowed.sftp) programs += "\"sftp\", ";
  const int missing = missing_of(allowed);
  const auto either = [missing](int number, const char* other, const char* usual) {
    return std::string(missing == number ? other : usual);
  };
  return "[[user]]\nname = \"" + either(1, "bob", "alice") + "\"\nroles = [" +
         either(2, "", "\"dev\"") + "]\nkeys = [\"ssh-ed25519 " + either(3, kOtherKey, kAlicesKey) +
         "\"]\n[[target]]\nname = \"" + either(4, "db2", "db1") +
         "\"\naddress = \"10.0.0.1\"\nhost_keys = [\"ssh-ed25519 " + kHostKey +
         "\"]\n[[role]]\nname = \"dev\"\ntargets = [\"*\"]\nlogins = [\"" +
         either(5, "backup", "root") + "\"]\nallow = [" + programs + "]\n" +
         (allowed.tell_recorded ? "tell_recorded = true\n" : "");
}

}  // namespace

Rules::Rules(const Record::Place& place, const Allowed& first)
    : place_(place),
      memory_(place.world->rng.chance(0.5) ? kSmallMemoryBytes : kLargeMemoryBytes),
      record_(place, kWindowBytes, nullptr) {
  record_.set_owner(this);
  Event start{{"kind", "system"}, {"gateway", "gw1"}, {"program", "gatetape-gateway"}};
  start.add_number("started_at", static_cast<uint64_t>(place_.world->wall_ns()));
  record_.recording().offer(0, FrameKind::kStart, start.encode());
  const gateway::AccessLoad loaded = load(first, false);
  access_ = loaded.rules();
  allowed_ = first;
}

gateway::SessionWish Rules::wish() {
  std::string key;
  from_base64(kAlicesKey, &key);
  return {.credential = {.user = "alice", .key_blob = std::move(key)},
          .target = "db1",
          .target_text = "db1",
          .login = "root"};
}

Allowed Rules::draw(Rng& rng) {
  Allowed allowed{rng.chance(0.95), rng.chance(0.8), rng.chance(0.8), rng.chance(0.8)};
  allowed.shell = allowed.shell || !(allowed.exec || allowed.sftp);  // A role must allow something.
  allowed.tell_recorded = allowed.login && allowed.exec;  // Another draw would change all seeds.
  return allowed;
}

gateway::AccessLoad Rules::load(const Allowed& next, bool broken) {
  place_.world->note("the rules are loaded", number(), broken ? 1 : 0);
  const std::string text = file_of(next);
  const std::string path = "/etc/gatetape/access.toml";
  gateway::AccessLoad loaded({.path = path},
                             Access::parse(broken ? text.substr(0, text.size() / 2) : text, path));
  if (!failed_) place_.oracle->on_load(number());
  uint64_t seq = 0;
  loaded.take_effect(
      [&](FrameKind kind, const Event& event, gateway::AccessLoad::Done done) {
        seq = offer(kind, event, std::move(done));
      },
      [this](std::shared_ptr<const Access> rules) {
        access_ = std::move(rules);
        if (on_change_) on_change_();
      });
  if (!broken) loads_[seq] = next;
  return loaded;
}

void Rules::log_in(std::function<void()> then) {
  if (failed_) return;
  const Event event{{"source", "192.0.2.1:4711"}, {"user", "alice"}, {"result", "accepted"}};
  const uint64_t question = questions_.size() + 1;
  answers_.ask(FrameKind::kAuthAttempt, event, place_.world->mono_ns(),
               [this, question, then = std::move(then)] {
                 place_.oracle->on_answered(number(), questions_.at(question));
                 then();
               });
}

void Rules::record(uint64_t number, FrameKind kind, const Event& event) {
  questions_[number] = offer(kind, event, [this, number](const absl::Status& recorded) {
    answers_.on_recorded(number, recorded);
  });
}

uint64_t Rules::offer(FrameKind kind, const Event& event, gateway::AccessLoad::Done done) {
  const uint64_t seq = record_.recording().offer(0, kind, event.encode());
  waiting_[seq] = std::move(done);
  return seq;
}

void Rules::on_released(tee::FramePtr frame) {
  if (const auto load = loads_.extract(frame->frame.seq); !load.empty()) allowed_ = load.mapped();
  if (const auto done = waiting_.extract(frame->frame.seq); !done.empty())
    done.mapped()(absl::OkStatus());
}

void Rules::on_record_failed(const std::string& why) {
  failed_ = true;
  for (const auto& [seq, done] : std::exchange(waiting_, {})) done(absl::UnavailableError(why));
}

std::optional<Grant> Rules::admit() {
  if (failed_) return std::nullopt;
  absl::StatusOr<Grant> grant = gateway::decide_session(*access_, wish());
  if (grant.ok()) return *std::move(grant);
  place_.oracle->on_turned_away(number(), allowed_);
  const Event denied{{"user", "alice"}, {"login", "root"}, {"target", "db1"}};
  record_.recording().offer(0, FrameKind::kAccessDenied, denied.encode());
  return std::nullopt;
}

// The product refuses a frame when too much waits for the recorder.
void Rules::claim(uint64_t session, const SessionId& id, Record::Done done) {
  if (failed_ || place_.world->strikes(place_.world->faults.open_fails)) {
    place_.world->note("the claim is refused", session);
    return place_.world->after(0, [done = std::move(done)] {
      done(absl::UnavailableError("too much waits for the recorder"));
    });
  }
  const uint64_t seq =
      offer(FrameKind::kSessionOpened, Event{{"session", id.to_text()}}, std::move(done));
  place_.oracle->on_claim(session, number(), seq);
}

void Rules::stop() {
  record_.recording().end_with(FrameKind::kStop, Event{{"reason", "shutdown"}});
}

}  // namespace gatetape::sim
