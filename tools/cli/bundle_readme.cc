#include "tools/cli/bundle_readme.h"

#include "absl/strings/str_cat.h"

namespace gatetape::tools {
namespace {

constexpr char kHow[] = R"(
WHAT THIS IS
This archive is the record of one SSH session, made by gatetape. It holds every step of the session
(the file `frames`), what was signed about it, and proofs that a public log has it.

HOW TO LOOK AT IT
Open views/player.html in a browser. It plays what was shown on the screen. views/events.ndjson
lists the steps, one per line. These views were made for people: they prove nothing.

HOW TO VERIFY IT
You need one line of text from the organization that runs the log, its verifier key. Ask for it by
another way than the one by which you got this archive: they print it with `gatetape log key`. Save
it in a file, for example log.key. If the organization has witnesses, add a line for each of them.

Then run one of these. Both need no network and no account:
  gatetape verify THIS-FILE --key log.key
  python3 verify_bundle.py THIS-FILE --key log.key

verify_bundle.py needs Python 3 and nothing else. Take it from the source code of gatetape, not from
this archive (views/verify.py is a copy): a forger could have changed it.

WHAT THE ANSWER MEANS
  INTEGRITY     the steps are exactly those that were signed
  COMPLETENESS  no step is missing, from the opening of the session to its end
  EXISTENCE     the log has the session
  NOT-AFTER     a witness saw it at this time at the latest
  SIGNERS       the keys that signed were registered in the log before they signed
  REDACTIONS    what this archive does not show
  CLAIMS        the views are not judged
GOOD means proven, BAD means that something was changed, and UNKNOWN means that this archive does
not prove it. The exit code is 0 when nothing is BAD and the first three are GOOD, and 5 otherwise.

The section "Bundles" of docs/FORMAT.md in the source code of gatetape describes every byte.
)";

}  // namespace

std::string readme_of(const Manifest& manifest) {
  std::string text =
      absl::StrCat("Session ", manifest.session.to_text(), ", ", manifest.frames, " steps.\n");
  for (const LeftOut& kind : manifest.left_out)
    absl::StrAppend(&text, "Left out: the content of ", kind.frames, " steps of the kind ",
                    kind_name(static_cast<FrameKind>(kind.kind)), ", ", kind.bytes, " bytes.\n");
  return text + kHow;
}

}  // namespace gatetape::tools
