// The verdicts that need the frames and what was signed about them, and no key: INTEGRITY,
// COMPLETENESS and REDACTIONS (docs/FORMAT.md section 10.7). Pure; any thread.
#pragma once

#include "bundle/judgement.h"
#include "bundle/open.h"

namespace gatetape {

Finding judge_integrity(const OpenedBundle& bundle);
Finding judge_completeness(const OpenedBundle& bundle);
Finding judge_redactions(const OpenedBundle& bundle);

}  // namespace gatetape
