#include "client/utf8_stream.h"

#include <utility>

#include "base/utf8.h"

namespace gatetape::client {
namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";  // U+FFFD

}  // namespace

std::string Utf8Stream::feed(std::string_view bytes) {
  const std::string joined = std::exchange(carried_, {}) + std::string(bytes);
  std::string_view rest = joined;
  std::string out;
  out.reserve(rest.size());
  while (!rest.empty()) {
    const Utf8Front front = utf8_front(rest);
    const std::string_view part = rest.substr(0, front.length);
    switch (front.state) {
      case Utf8Front::State::kCharacter:
        out += part;
        break;
      case Utf8Front::State::kIncomplete:
        carried_ = part;
        break;
      case Utf8Front::State::kInvalid:
        out += kReplacement;
        break;
    }
    rest.remove_prefix(front.length);
  }
  return out;
}

std::string Utf8Stream::flush() {
  return std::exchange(carried_, {}).empty() ? std::string() : std::string(kReplacement);
}

}  // namespace gatetape::client
