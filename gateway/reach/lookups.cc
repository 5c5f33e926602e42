#include "gateway/reach/lookups.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace gatetape::gateway {

void Lookups::add(Query query) {
  User& user = users_[query.user];
  user.waiting.push_back(std::move(query));
}

// The search begins behind the user whose turn was last.
std::optional<Query> Lookups::next() {
  if (users_of_running_.size() == kRunningMax) return std::nullopt;
  auto user = users_.upper_bound(last_);
  for (size_t i = 0; i < users_.size(); i++, ++user) {
    if (user == users_.end()) user = users_.begin();
    auto& [name, state] = *user;
    if (state.waiting.empty() || state.running == kRunningPerUserMax) continue;
    Query query = std::move(state.waiting.front());
    state.waiting.pop_front();
    state.running++;
    const bool is_new = users_of_running_.emplace(query.id, name).second;
    CHECK(is_new, query.id);
    last_ = name;
    return query;
  }
  return std::nullopt;
}

bool Lookups::end(uint64_t id) {
  if (const auto found = users_of_running_.find(id); found != users_of_running_.end()) {
    const std::string name = found->second;
    users_of_running_.erase(found);
    User& user = users_.at(name);
    CHECK(user.running > 0, id);
    user.running--;
    forget_if_idle(name);
    return true;
  }
  for (auto& [name, user] : users_) {
    const auto is_it = [id](const Query& query) { return query.id == id; };
    const auto found = std::find_if(user.waiting.begin(), user.waiting.end(), is_it);
    if (found == user.waiting.end()) continue;
    user.waiting.erase(found);
    forget_if_idle(std::string(name));
    return false;
  }
  return false;
}

void Lookups::forget_if_idle(const std::string& name) {
  const User& user = users_.at(name);
  if (user.waiting.empty() && user.running == 0) users_.erase(name);
}

}  // namespace gatetape::gateway
