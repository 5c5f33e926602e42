// What becomes of a connection when the access rules change. Whether it is still allowed is decided
// in gateway/session.
#include "base/check.h"
#include "base/os/daemon.h"
#include "gateway/ssh/connection.h"

namespace gatetape::gateway {
namespace {

// Time in which the record of the end must be durable and the inner connections must have ended.
// Afterwards they are cut, so that a client that reads nothing keeps nothing open.
constexpr int64_t kPartingNs = 600'000'000;

}  // namespace

// A connection that has not authenticated anybody yet is decided under the new rules.
void Connection::on_rules_changed() {
  if (state_ == State::kLeaving || peer_.dead()) return;
  const std::shared_ptr<const Access> access = services_.access.get();
  if (session_) return session_->on_rules_changed(*access);
  if (!inner_ && !user_) return;
  const AuthenticatedUser& user = inner_ ? inner_->user : *user_;
  const std::string denial = denial_of_credential(*access, user.credential());
  if (!denial.empty() && revoked_.empty()) revoke(denial);
}

void Connection::revoke(const std::string& denial) {
  const std::string& user = inner_ ? inner_->user.name : user_->name;
  CHECK(revoked_.empty(), source_, revoked_);
  revoked_ = "the access rules have changed: " + denial;
  revoked_ns_ = loop_.clock().mono_ns();
  log_info("access_denied", {{"source", source_}, {"reason", revoked_}});
  const Event event{
      {"user", user}, {"login", ""}, {"target", ""}, {"source", source_}, {"reason", revoked_}};
  answers_.ask(FrameKind::kAccessDenied, event, revoked_ns_, [this] {
    ending_ = revoked_;
    loop_.mark(this);
  });
}

void Connection::check_revoked(int64_t mono_ns) {
  if (revoked_.empty() || mono_ns - revoked_ns_ < kPartingNs) return;
  abandon_inner();
  bridges_.clear();
  leave(revoked_);
  CHECK(state_ == State::kLeaving, source_);
}

}  // namespace gatetape::gateway
