#include "tests/mutations/mutants.h"

#include <utility>

#include "tests/mutations/kinds.h"

namespace gatetape::mutations {
namespace {

SessionId session_of(size_t number) {
  std::string bytes = "\x01\x9c\x1a\x2b\x3c\x4d\x7e\x5f\x8a\x6b\x7c\x8d\x9e\x0f\x1a";
  return *SessionId::from_bytes(bytes + static_cast<char>(number));
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = [] {
    std::vector<Kind> made = byte_kinds();
    for (const auto& more : {member_kinds(), frame_kinds(), signed_kinds()})
      made.insert(made.end(), more.begin(), more.end());
    return made;
  }();
  return all;
}

}  // namespace

Mutants::Mutants(uint64_t number) : rng_(number) {
  forger_.log.name = signers_.log.name;
  forger_.witness.name = signers_.witness.name;
  add_seed("closed", plan_of_shell(session_of(1)));
  add_seed("interrupted", plan_of_shell(session_of(2), false));
  BundlePlan live = plan_of_shell(session_of(3), false);
  add_seed("live", live.add(FrameKind::kIn, 1, "\x03"));
  BundlePlan redacted = plan_of_shell(session_of(4));
  redacted.redaction.without_input = true;
  add_seed("redacted", redacted);
  BundlePlan part = plan_of_shell(session_of(5));
  part.redaction.from_ns = 4'000'000'000;
  add_seed("part", part);
  BundlePlan version1 = plan_of_shell(session_of(6));
  version1.version = FormatVersion::k1;
  add_seed("version1", version1);
}

void Mutants::add_seed(const std::string& name, BundlePlan plan) {
  Seed seed;
  seed.name = name;
  seed.text = BundleMaker(signers_, plan).make();
  BundleMaker forger(forger_, plan);
  seed.forged = forger.make();
  BundleMaker retired(signers_, plan);
  seed.older = retired.make(plan.ended ? 6 : 4);
  retired.add_key("recorder", signers_.recorder.public_key(), KeyEntry::Action::kRetire);
  retired.add_list(plan.ended ? HeadsLine::State::kClose : HeadsLine::State::kLive,
                   plan.frames.size());
  seed.retired = retired.make();
  BundlePlan other = plan;
  other.session = session_of(100 + seeds_.size());
  other.commit_key = std::string(kCommitKeyBytes, 'o');
  seed.other = BundleMaker(signers_, other).make();
  plan.redaction = {};
  for (Frame& frame : plan.frames)
    if (frame.kind == FrameKind::kIn) frame.payload = std::string(frame.payload.size(), 'x');
  seed.invented = BundleMaker(signers_, plan).make();
  seeds_.push_back(std::move(seed));
}

Mutant Mutants::next() {
  if (made_ < seeds_.size()) {
    const Seed& seed = seeds_[made_++];
    return {"nothing to " + seed.name, seed.name == "interrupted" || seed.name == "live",
            seed.text.write()};
  }
  while (true) {
    const Kind& kind = kinds()[made_++ % kinds().size()];
    const Seed& seed = seeds_[below(rng_, seeds_.size())];
    std::string file = kind.change(seed, rng_);
    if (!file.empty()) return {std::string(kind.name) + " to " + seed.name, kind.is_bad, file};
  }
}

}  // namespace gatetape::mutations
