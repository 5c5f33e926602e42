#include "gateway/session/access_rules.h"

#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace gatetape::gateway {
namespace {

// Length of the text that says why a file was refused: it may quote a line of the file, and goes to
// the log and into a frame.
constexpr size_t kErrorBytesMax = 1024;

}  // namespace

AccessLoad::AccessLoad(Source source, absl::StatusOr<Access> access)
    : source_(std::move(source)),
      status_(access.status().code(), access.status().message().substr(0, kErrorBytesMax)) {
  if (source_.text) sha256_ = to_hex(view(gatetape::sha256(*source_.text)));
  if (access.ok()) rules_ = std::make_shared<const Access>(*std::move(access));
}

Event AccessLoad::event() const {
  CHECK(status_.ok() == (rules_ != nullptr), path());
  Event event{{"path", path()}, {"sha256", sha256_}, {"result", status_.ok() ? "ok" : "refused"}};
  if (is_fallback()) event.add("fallback", "1");
  if (!status_.ok()) return event.add("error", std::string(status_.message()));
  event.add_number("users", rules_->users().size());
  event.add_number("targets", rules_->targets().size());
  event.add_number("roles", rules_->roles().size());
  return event;
}

void AccessLoad::take_effect(const Record& record,
                             std::function<void(std::shared_ptr<const Access>)> use) const {
  record(FrameKind::kAccessLoad, event(),
         [rules = rules_, use = std::move(use)](const absl::Status& recorded) {
           if (recorded.ok() && rules != nullptr) use(rules);
         });
}

absl::StatusOr<Grant> decide_session(const Access& access, const SessionWish& wish) {
  const AccessTarget* const target = wish.target;
  if (target == nullptr) return absl::PermissionDeniedError("no target " + wish.target_text);
  if (target->host_key_blobs.empty())
    return absl::PermissionDeniedError(target->name + " has no host_keys in access.toml");
  const AccessUser* const user = access.user(wish.user);
  std::optional<Grant> grant =
      user == nullptr ? std::nullopt : access.decide(*user, *target, wish.login);
  if (grant) return *std::move(grant);
  return absl::PermissionDeniedError(wish.user + " may not log in to " + target->name + " as " +
                                     printable(wish.login));
}

}  // namespace gatetape::gateway
