// Patterns of SQL's LIKE, made of what people type. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace gatetape::auditd {

// like_of_glob returns the pattern for the texts that a glob of * and ? matches.
std::string like_of_glob(std::string_view glob);
// like_of_part returns the pattern for the texts that contain `part`.
std::string like_of_part(std::string_view part);

}  // namespace gatetape::auditd
