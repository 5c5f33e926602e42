#include "bundle/judgement.h"

namespace gatetape {

const char* judgement_word(Judgement judgement) {
  switch (judgement) {
    case Judgement::kGood:
      return "GOOD";
    case Judgement::kBad:
      return "BAD";
    case Judgement::kUnknown:
      return "UNKNOWN";
  }
  return "";
}

}  // namespace gatetape
