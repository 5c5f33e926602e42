#include <iterator>

#include "tests/mutations/kinds.h"
#include "tests/mutations/raw_bundle.h"

namespace gatetape::mutations {
namespace {

std::string duplicate_member(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  const size_t at = below(rng, bundle.members.size());
  const size_t to = at + 1 + below(rng, bundle.members.size() - at);
  bundle.members.insert(bundle.members.begin() + static_cast<long>(to), bundle.members[at]);
  return bundle.write();
}

std::string reorder_members(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  const size_t at = below(rng, bundle.members.size() - 1);
  const size_t to = at + 1 + below(rng, bundle.members.size() - at - 1);
  std::swap(bundle.members[at], bundle.members[to]);
  return bundle.write();
}

// may_be_missing returns true for members without which a bundle proves the same.
bool may_be_missing(const RawMember& member) {
  return member.name == "lines/open" || member.name.starts_with("views/");
}

std::string remove_member(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  const size_t at = below(rng, bundle.members.size());
  if (may_be_missing(bundle.members[at])) return {};
  bundle.members.erase(bundle.members.begin() + static_cast<long>(at));
  return bundle.write();
}

std::string remove_opening(const Seed& seed, Rng&) {
  BundleText text = seed.text;
  text.members.erase("lines/open");
  text.members.erase("views/README.txt");
  return text.write();
}

// exchange_member takes a member of another session with the same signers.
std::string exchange_member(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  RawMember& member = bundle.members[below(rng, bundle.members.size())];
  const auto taken = seed.other.members.find(member.name);
  if (member.name.starts_with("views/") || taken->second == member.content) return {};
  member.content = taken->second;
  return bundle.write();
}

std::string rename_member(const Seed& seed, Rng& rng) {
  static const char* const kNames[] = {"entries/0",  "entries/01", "entries/9999",
                                       "entries/-1", "lines/last", "views/.hidden",
                                       "views/a/b",  "HEAD",       "x"};
  RawBundle bundle = RawBundle::of(seed.text);
  RawMember& member = bundle.members[below(rng, bundle.members.size())];
  if (member.name.starts_with("views/")) return {};
  member.name = kNames[below(rng, std::size(kNames))];
  return bundle.write();
}

// other_session takes the head or all frames of another session, and the name of this one.
std::string other_session(const Seed& seed, Rng& rng) {
  BundleText text = seed.other;
  text.manifest.session = seed.text.manifest.session;
  if (below(rng, 2) == 0)
    for (const char* name : {"lines/open", "lines/live", "lines/close", "head"})
      if (seed.text.members.contains(name)) text.members[name] = seed.text.members.at(name);
  return text.write();
}

}  // namespace

std::vector<Kind> member_kinds() {
  return {{"duplicate_member", duplicate_member}, {"reorder_members", reorder_members},
          {"remove_member", remove_member},       {"remove_opening", remove_opening, false},
          {"exchange_member", exchange_member},   {"rename_member", rename_member},
          {"other_session", other_session}};
}

}  // namespace gatetape::mutations
