// The verdicts that need the keys of the verifier: EXISTENCE, NOT-AFTER and SIGNERS (docs/FORMAT.md
// section 10.7). Pure; any thread.
#pragma once

#include <vector>

#include "bundle/judgement.h"
#include "bundle/key_history.h"
#include "bundle/keys.h"
#include "bundle/open.h"
#include "log/note.h"

namespace gatetape {

// LogFacts is what the checkpoint proves.
struct LogFacts {
  Finding existence;
  std::vector<GoodSignature> cosignatures;  // of witnesses that were given
};

LogFacts judge_existence(const OpenedBundle& bundle, const KeyHistory& history,
                         const BundleKeys& keys);
Finding judge_not_after(const LogFacts& log);
Finding judge_signers(const OpenedBundle& bundle, const KeyHistory& history,
                      const Finding& existence);

}  // namespace gatetape
