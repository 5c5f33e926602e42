#include "auditd/query/like.h"

namespace gatetape::auditd {
namespace {

// escaped returns the pattern that matches one character alone.
std::string escaped(char c) {
  const bool is_special = c == '%' || c == '_' || c == '\\';
  return is_special ? std::string{'\\', c} : std::string{c};
}

}  // namespace

std::string like_of_glob(std::string_view glob) {
  std::string pattern;
  for (const char c : glob) {
    if (c == '*')
      pattern += '%';
    else if (c == '?')
      pattern += '_';
    else
      pattern += escaped(c);
  }
  return pattern;
}

std::string like_of_part(std::string_view part) {
  std::string pattern = "%";
  for (const char c : part) pattern += escaped(c);
  return pattern + "%";
}

}  // namespace gatetape::auditd
