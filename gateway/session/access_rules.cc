#include "gateway/session/access_rules.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/endpoint.h"

namespace gatetape::gateway {
namespace {

// Length of the text that says why a file was refused: it may quote a line of the file, and goes to
// the log and into a frame.
constexpr size_t kErrorBytesMax = 1024;

bool is_connected_to(const AccessTarget& target, const SessionWish& wish) {
  const std::vector<std::string>& keys = target.host_key_blobs;
  const bool has_key =
      wish.host_key.empty() || std::any_of(keys.begin(), keys.end(), [&](const std::string& blob) {
        return to_base64(blob) == wish.host_key;
      });
  return has_key && (wish.address.empty() || wish.address == address_of(target));
}

}  // namespace

std::string address_of(const AccessTarget& target) {
  return format_host_port({target.host, target.port});
}

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

std::string denial_of_credential(const Access& access, const Credential& credential) {
  if (access.user(credential.user) == nullptr)
    return credential.user + " is not in access.toml any more";
  const AccessUser* const owner = access.user_of_key(credential.key_blob);
  if (owner != nullptr && owner->name == credential.user) return "";
  return "the key with which " + credential.user + " logged in is not in access.toml any more";
}

absl::StatusOr<Grant> decide_session(const Access& access, const SessionWish& wish) {
  const std::string denial = denial_of_credential(access, wish.credential);
  if (!denial.empty()) return absl::PermissionDeniedError(denial);
  const AccessTarget* const target = access.target(wish.target);
  if (target == nullptr) return absl::PermissionDeniedError("no target " + wish.target_text);
  if (target->host_key_blobs.empty())
    return absl::PermissionDeniedError(target->name + " has no host_keys in access.toml");
  if (!is_connected_to(*target, wish))
    return absl::PermissionDeniedError(target->name + " is another machine in access.toml now");
  const AccessUser* const user = access.user(wish.credential.user);
  std::optional<Grant> grant = access.decide(*user, *target, wish.login);
  if (grant) return *std::move(grant);
  return absl::PermissionDeniedError(user->name + " may not log in to " + target->name + " as " +
                                     printable(wish.login));
}

absl::StatusOr<AccessTarget> decide_inner(const Access& access, const Credential& credential,
                                          std::string_view host, int port) {
  const std::string denial = denial_of_credential(access, credential);
  if (!denial.empty()) return absl::PermissionDeniedError(denial);
  const bool is_port = port >= 0 && port <= UINT16_MAX;
  const AccessTarget* const target =
      is_port ? access.target(host, static_cast<uint16_t>(port)) : nullptr;
  if (target == nullptr)
    return absl::PermissionDeniedError("no target " + printable(host) + ":" + std::to_string(port));
  if (!access.reaches(*access.user(credential.user), *target))
    return absl::PermissionDeniedError("your roles do not reach " + target->name);
  if (target->host_key_blobs.empty())
    return absl::PermissionDeniedError(target->name +
                                       " has no host_keys in access.toml (gatetape hosts scan " +
                                       target->name + ")");
  return *target;
}

}  // namespace gatetape::gateway
