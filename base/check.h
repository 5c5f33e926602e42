// CHECK: an assertion against our own bugs. A failed CHECK prints the condition and the values,
// then aborts the process. It is active in release builds too. Never use it on bytes that a peer
// made. Any thread.
#pragma once

#include <sstream>
#include <string>

namespace gatetape {

// check_failed writes `file:line: CHECK(condition) failed: values` to standard error and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const std::string& values);

namespace internal {
template <typename... Values>
std::string join_values(const Values&... values) {
  std::ostringstream out;
  ((out << values << ' '), ...);
  return out.str();
}
}  // namespace internal
}  // namespace gatetape

// CHECK(condition, values...) checks the condition. When it does not hold, the process prints the
// values and aborts.
#define CHECK(condition, ...)                                                   \
  do {                                                                          \
    if (!(condition)) [[unlikely]]                                              \
      ::gatetape::check_failed(__FILE__, __LINE__, #condition,                  \
                               ::gatetape::internal::join_values(__VA_ARGS__)); \
  } while (false)
