#include "tests/mutations/kinds.h"
#include "tests/mutations/raw_bundle.h"

namespace gatetape::mutations {
namespace {

// pick returns the name of a member below a folder.
std::string pick(const BundleText& text, Rng& rng, std::string_view folder) {
  std::vector<std::string> names;
  for (const auto& [name, content] : text.members)
    if (name.starts_with(folder)) names.push_back(name);
  return names[below(rng, names.size())];
}

uint64_t index_of(const std::string& name) { return std::stoull(name.substr(name.find('/') + 1)); }

BundleEntry entry_of(const BundleText& text, const std::string& name) {
  return *BundleEntry::parse(index_of(name), text.members.at(name));
}

std::string proof_of_another_leaf(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  const std::string name = pick(text, rng, "entries/"), taken = pick(text, rng, "entries/");
  BundleEntry entry = entry_of(text, name);
  entry.proof = entry_of(text, taken).proof;
  text.members[name] = entry.to_text();
  return unless_same(seed, text.write());
}

std::string entry_at_another_leaf(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  const std::string name = pick(text, rng, "entries/");
  const std::string to = "entries/" + std::to_string(index_of(name) + 1 + below(rng, 20));
  text.members[to] = text.members.at(name);
  return unless_same(seed, text.write());
}

std::string line_at_another_index(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  const std::string name = pick(text, rng, "lines/");
  BundleLine line = *BundleLine::parse(text.members.at(name));
  const std::string entry = pick(text, rng, "entries/");
  if (below(rng, 2) == 0)
    line.index += 1 + below(rng, 5);
  else
    line.leaf_index = index_of(entry);
  text.members[name] = line.to_text();
  return unless_same(seed, text.write());
}

std::string line_says_another_size(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  const std::string name = pick(text, rng, "lines/");
  BundleLine line = *BundleLine::parse(text.members.at(name));
  line.line.head.size += 1 + below(rng, 3);
  text.members[name] = line.to_text();
  return text.write();
}

std::string checkpoint_of_an_older_log(const Seed& seed, Rng&) {
  BundleText text = seed.text;
  text.members["checkpoint"] = seed.older.members.at("checkpoint");
  return text.write();
}

std::string older_log(const Seed& seed, Rng&) { return seed.older.write(); }

std::string retired_key(const Seed& seed, Rng&) { return seed.retired.write(); }

// forged_member takes a member that the forger signed.
std::string forged_member(const Seed& seed, Rng& rng) {
  RawBundle bundle = RawBundle::of(seed.text);
  RawMember& member = bundle.members[below(rng, bundle.members.size())];
  const std::string& taken = seed.forged.members.at(member.name);
  if (taken == member.content) return {};
  member.content = taken;
  return bundle.write();
}

std::string forged_bundle(const Seed& seed, Rng&) { return seed.forged.write(); }

// forged_in_part takes everything that was signed, except the checkpoint.
std::string forged_in_part(const Seed& seed, Rng&) {
  BundleText text = seed.forged;
  text.members["checkpoint"] = seed.text.members.at("checkpoint");
  return text.write();
}

std::string swap_signatures(const Seed& seed, Rng& rng) {
  if (!seed.text.members.contains("head")) return {};
  BundleText text = seed.text;
  SignedHead head = *SignedHead::parse(text.members.at("head"));
  std::swap(head.writer_signature, head.recorder_signature);
  if (below(rng, 2) == 0) std::swap(head.writer, head.recorder);
  text.members["head"] = head.to_text();
  return text.write();
}

std::string without_cosignature(const Seed& seed, Rng&) {
  BundleText text = seed.text;
  SignedNote note = *SignedNote::parse(text.members["checkpoint"]);
  note.signatures.pop_back();
  text.members["checkpoint"] = note.to_text();
  return text.write();
}

// cosignature_of_another_time changes the time, which the witness signed.
std::string cosignature_of_another_time(const Seed& seed, Rng& rng) {
  BundleText text = seed.text;
  SignedNote note = *SignedNote::parse(text.members["checkpoint"]);
  note.signatures.back().bytes[4 + below(rng, 4)] ^= static_cast<char>(1 << below(rng, 8));
  text.members["checkpoint"] = note.to_text();
  return text.write();
}

}  // namespace

std::vector<Kind> signed_kinds() {
  return {{"proof_of_another_leaf", proof_of_another_leaf},
          {"entry_at_another_leaf", entry_at_another_leaf},
          {"line_at_another_index", line_at_another_index},
          {"line_says_another_size", line_says_another_size},
          {"checkpoint_of_an_older_log", checkpoint_of_an_older_log},
          {"older_log", older_log},
          {"retired_key", retired_key},
          {"forged_member", forged_member},
          {"forged_bundle", forged_bundle},
          {"forged_in_part", forged_in_part},
          {"swap_signatures", swap_signatures},
          {"without_cosignature", without_cosignature, false},
          {"cosignature_of_another_time", cosignature_of_another_time}};
}

}  // namespace gatetape::mutations
