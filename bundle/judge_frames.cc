#include "bundle/judge_frames.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatetape {
namespace {

std::string frames_text(uint64_t first, uint64_t last) {
  return first == last ? absl::StrCat("frame ", first) : absl::StrCat("frames ", first, "-", last);
}

// Statement is something signed that names a size and a root of the session.
struct Statement {
  std::string name;
  TreeHead tree;
};

std::vector<Statement> statements_of(const OpenedBundle& bundle) {
  std::vector<Statement> statements;
  if (bundle.head)
    statements.push_back({"the signed head", {bundle.head->head.size, bundle.head->head.root}});
  for (const BundleLine& line : bundle.lines)
    statements.push_back(
        {absl::StrCat("the line `", line.line.to_text(), "` of a heads list"), line.line.head});
  return statements;
}

std::string left_out_text(const std::vector<LeftOut>& left_out) {
  std::string text;
  for (const LeftOut& kind : left_out)
    absl::StrAppend(&text, text.empty() ? "" : ", ", kind.frames, " frames of the kind ",
                    kind_name(static_cast<FrameKind>(kind.kind)), " with ", kind.bytes, " bytes");
  return text.empty() ? "nothing" : text;
}

}  // namespace

Finding judge_integrity(const OpenedBundle& bundle) {
  const std::vector<Statement> statements = statements_of(bundle);
  if (statements.empty()) return bad("nothing in the bundle was signed");
  if (!bundle.frames.order_problem.empty()) return bad(bundle.frames.order_problem);
  uint64_t largest = 0;
  for (const Statement& statement : statements) {
    largest = std::max(largest, statement.tree.size);
    const auto root = bundle.frames.roots.find(statement.tree.size);
    if (root != bundle.frames.roots.end() && root->second != statement.tree.root)
      return bad(
          absl::StrCat(frames_text(1, statement.tree.size), " are not those of ", statement.name));
  }
  if (bundle.frames.count > largest)
    return bad(frames_text(largest + 1, bundle.frames.count) +
               " were added: nothing signed has them");
  if (bundle.frames.count < largest)
    return bad(absl::StrCat("the root of ", largest, " frames was signed, and the bundle has ",
                            bundle.frames.count));
  return good(frames_text(1, largest) + " are those that were signed");
}

Finding judge_completeness(const OpenedBundle& bundle) {
  const uint64_t count = bundle.frames.count;
  const BundleLine* close = bundle.line(HeadsLine::State::kClose);
  for (const Statement& statement : statements_of(bundle))
    if (statement.tree.size > count)
      return bad(frames_text(count + 1, statement.tree.size) + " are missing from the end");
  const bool has_other_size = (bundle.head && bundle.head->head.size != count) ||
                              (close != nullptr && close->line.head.size != count);
  if (has_other_size) return bad("the signed end of the session is not its last frame");
  if (!bundle.head && close == nullptr)
    return unknown(
        absl::StrCat("the session has no end: it was live or interrupted after frame ", count));
  if (!ends_session(bundle.frames.last_kind))
    return bad(absl::StrCat("frame ", count, " was signed as the end, and it ends no session"));
  if (!bundle.head) return unknown("the end of the session has no signed head");
  if (close == nullptr) return unknown("the log has no line of the end of the session");
  return good(absl::StrCat("all ", count, " frames are there, from the opening to the end"));
}

Finding judge_redactions(const OpenedBundle& bundle) {
  const std::string text = left_out_text(bundle.frames.left_out);
  if (bundle.frames.left_out != bundle.manifest.left_out)
    return bad(absl::StrCat("the manifest says that ", left_out_text(bundle.manifest.left_out),
                            " is left out, and it is ", text));
  if (bundle.frames.left_out.empty()) return good("nothing is left out");
  if (bundle.manifest.version == FormatVersion::k1)
    return bad("a session of version 1 has no payload that may be left out");
  return unknown(absl::StrCat("the bundle does not show ", text));
}

}  // namespace gatetape
