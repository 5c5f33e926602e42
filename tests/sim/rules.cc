#include "tests/sim/rules.h"

#include <string>
#include <utility>

namespace gatetape::sim {
namespace {

constexpr uint64_t kWindowBytes = 1 << 20;

std::string file_of(const Allowed& allowed) {
  std::string programs;
  if (allowed.shell) programs += "\"shell\", ";
  if (allowed.exec) programs += "\"exec\", ";
  if (allowed.sftp) programs += "\"sftp\", ";
  return "[[user]]\nname = \"alice\"\nroles = [\"dev\"]\n"
         "[[target]]\nname = \"db1\"\naddress = \"10.0.0.1\"\n"
         "[[role]]\nname = \"dev\"\ntargets = [\"db1\"]\nlogins = [\"" +
         std::string(allowed.login ? "root" : "backup") + "\"]\nallow = [" + programs + "]\n";
}

}  // namespace

Rules::Rules(World* world, Oracle* oracle, Link* link, const SigningKey* key, const Allowed& first)
    : world_(world), oracle_(oracle), recording_(world, oracle, link, key, kWindowBytes, this) {
  Event start{{"kind", "system"}, {"gateway", "gw1"}, {"program", "gatetape-gateway"}};
  start.add_number("started_at", static_cast<uint64_t>(world->wall_ns()));
  recording_.offer(0, FrameKind::kStart, start.encode());
  load(first, false);
}

Allowed Rules::draw(Rng& rng) {
  Allowed allowed{rng.chance(0.95), rng.chance(0.8), rng.chance(0.8), rng.chance(0.8)};
  allowed.shell = allowed.shell || !(allowed.exec || allowed.sftp);  // a role that allows nothing
  return allowed;
}

void Rules::load(const Allowed& next, bool broken) {
  world_->note("the rules are loaded", recording_.number(), broken ? 1 : 0);
  const std::string text = file_of(next);
  absl::StatusOr<Access> loaded =
      Access::parse(broken ? text.substr(0, text.size() / 2) : text, "/etc/gatetape/access.toml");
  if (!failed_) oracle_->on_load(recording_.number());
  Event event{{"path", "/etc/gatetape/access.toml"}, {"result", loaded.ok() ? "ok" : "refused"}};
  event.add("error", std::string(loaded.status().message()));
  recording_.offer(0, FrameKind::kAccessLoad, event.encode());
  if (!loaded.ok()) return;
  access_ = *std::move(loaded);
  allowed_ = next;
}

std::optional<Grant> Rules::admit() {
  if (failed_) return std::nullopt;
  const std::optional<Grant> grant =
      access_.decide(*access_.user("alice"), *access_.target("db1", 22), "root");
  if (grant) return grant;
  const Event denied{{"user", "alice"}, {"login", "root"}, {"target", "db1"}};
  recording_.offer(0, FrameKind::kAccessDenied, denied.encode());
  return std::nullopt;
}

}  // namespace gatetape::sim
