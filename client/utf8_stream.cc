#include "client/utf8_stream.h"

#include <utility>

namespace gatetape {
namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";

// Range of a continuation byte; the first one's depends on the lead byte (RFC 3629 section 4).
struct Lead {
  size_t length = 0;  // 0 = not a lead byte
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte >= 0xc2 && byte <= 0xdf) return {2};
  if (byte == 0xe0) return {3, 0xa0};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (byte >= 0xe1 && byte <= 0xef) return {3};
  if (byte == 0xf0) return {4, 0x90};
  if (byte >= 0xf1 && byte <= 0xf3) return {4};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {};
}

// valid_length counts the bytes at the front that belong to one character, whole or cut short.
size_t valid_length(std::string_view bytes, const Lead& lead) {
  size_t length = 1;
  while (length < lead.length && length < bytes.size()) {
    const auto byte = static_cast<unsigned char>(bytes[length]);
    const unsigned char low = length == 1 ? lead.low : 0x80;
    const unsigned char high = length == 1 ? lead.high : 0xbf;
    if (byte < low || byte > high) break;
    length++;
  }
  return length;
}

}  // namespace

std::string Utf8Stream::feed(std::string_view bytes) {
  const std::string joined = std::exchange(carried_, {}) + std::string(bytes);
  std::string_view rest = joined;
  std::string out;
  out.reserve(rest.size());
  while (!rest.empty()) {
    const Lead lead = lead_of(static_cast<unsigned char>(rest[0]));
    const size_t length = valid_length(rest, lead);
    if (lead.length == length) {
      out += rest.substr(0, length);
    } else if (lead.length > length && length == rest.size()) {
      carried_ = rest;
    } else {
      out += kReplacement;
    }
    rest.remove_prefix(length);
  }
  return out;
}

std::string Utf8Stream::flush() {
  return std::exchange(carried_, {}).empty() ? std::string() : std::string(kReplacement);
}

}  // namespace gatetape
