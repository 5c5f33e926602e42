// Judgement: what a verifier says about one question (docs/FORMAT.md section 10.7). Pure; any
// thread.
#pragma once

#include <string>
#include <utility>

namespace gatetape {

enum class Judgement { kGood, kBad, kUnknown };
// judgement_word returns GOOD, BAD or UNKNOWN.
const char* judgement_word(Judgement judgement);

// Finding is the answer to one question. The reason may hold bytes of the bundle.
struct Finding {
  Judgement judgement = Judgement::kUnknown;
  std::string reason;
};

inline Finding good(std::string reason) { return {Judgement::kGood, std::move(reason)}; }
inline Finding bad(std::string reason) { return {Judgement::kBad, std::move(reason)}; }
inline Finding unknown(std::string reason) { return {Judgement::kUnknown, std::move(reason)}; }

}  // namespace gatetape
