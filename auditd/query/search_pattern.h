// SearchPattern: what a person searches, in the encodings of the stored text (docs/FORMAT.md
// section 8). People type bytes as they are, or paste what the output shows; both find the same.
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gatetape::auditd {

struct SearchPattern {
  // Pattern of LIKE, or regular expression, for the stored text.
  std::string text;
  // Pattern of LIKE for the stored text with U+0001 in the place of each escaped backslash. Without
  // it, the escape of one byte would be found behind the first half of an escaped backslash. A
  // pattern without escapes needs none.
  std::optional<std::string> marked;
  // Pattern of LIKE for sessions of format version 1, when their stored text differs.
  std::optional<std::string> text_v1;
};

// search_pattern returns the patterns for texts that contain the bytes that `typed` stands for.
SearchPattern search_pattern(std::string_view typed);
// search_regex returns the regular expression `typed` for the stored text: bytes that the stored
// text escapes are replaced by the expression for their escapes. A backslash has the meaning that
// regular expressions give it.
SearchPattern search_regex(std::string_view typed);
// glob_patterns returns patterns of LIKE for the names that a glob of * and ? matches, one for each
// form of the stored text.
std::vector<std::string> glob_patterns(std::string_view glob);

}  // namespace gatetape::auditd
