#include "auditd/query/search_pattern.h"

#include <algorithm>

#include "absl/strings/str_replace.h"
#include "auditd/query/like.h"
#include "base/bytes.h"
#include "base/text_escape.h"

namespace gatetape::auditd {

SearchPattern search_pattern(std::string_view typed) {
  const std::string bytes = unescape_text(typed);
  const std::string text = escape_text(bytes);
  SearchPattern pattern{.text = like_of_part(text), .marked = {}, .text_v1 = {}};
  if (text.find('\\') == std::string::npos) return pattern;
  pattern.marked = like_of_part(absl::StrReplaceAll(text, {{"\\\\", "\x01"}}));
  pattern.text_v1 = like_of_part(printable(bytes));
  return pattern;
}

// The parts between backslashes are escaped on their own, so that each backslash of a part begins
// an escape of a byte.
SearchPattern search_regex(std::string_view typed) {
  std::string regex;
  for (;;) {
    const size_t end = std::min(typed.find('\\'), typed.size());
    regex += absl::StrReplaceAll(printable(typed.substr(0, end)), {{"\\", "\\\\"}});
    if (end == typed.size()) break;
    regex += '\\';
    typed.remove_prefix(end + 1);
  }
  return {.text = regex, .marked = {}, .text_v1 = {}};
}

std::vector<std::string> glob_patterns(std::string_view glob) {
  const std::string bytes = unescape_text(glob);
  return {like_of_glob(escape_text(bytes)), like_of_glob(printable(bytes))};
}

}  // namespace gatetape::auditd
