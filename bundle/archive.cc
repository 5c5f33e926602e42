#include "bundle/archive.h"

#include <algorithm>

#include "base/check.h"

namespace gatetape {
namespace {

constexpr size_t kNameBytesMax = 99;
// Where the fields of a header begin.
constexpr size_t kMode = 100, kUid = 108, kGid = 116, kSize = 124, kTime = 136, kChecksum = 148,
                 kType = 156, kMagic = 257, kVersion = 263, kMajor = 329, kMinor = 337;
constexpr size_t kSizeDigits = 11;
constexpr size_t kChecksumDigits = 6;

std::string octal(uint64_t number, size_t digits) {
  std::string text(digits, '0');
  for (size_t i = digits; i > 0 && number > 0; i--, number /= 8)
    text[i - 1] = static_cast<char>('0' + number % 8);
  CHECK(number == 0, number, digits);
  return text;
}

}  // namespace

std::string archive_header(std::string_view name, uint64_t size) {
  CHECK(!name.empty() && name.size() <= kNameBytesMax, name.size());
  std::string header(kArchiveBlockBytes, '\0');
  const auto put = [&header](size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), header.begin() + static_cast<long>(at));
  };
  put(0, name);
  put(kMode, "0000644");
  for (size_t at : {kUid, kGid, kMajor, kMinor}) put(at, "0000000");
  put(kSize, octal(size, kSizeDigits));
  put(kTime, octal(0, kSizeDigits));
  put(kChecksum, "        ");
  put(kType, "0");
  put(kMagic, "ustar");
  put(kVersion, "00");
  uint64_t sum = 0;
  for (char c : header) sum += static_cast<uint8_t>(c);
  using namespace std::string_literals;
  put(kChecksum, octal(sum, kChecksumDigits) + "\0 "s);
  return header;
}

bool parse_archive_size(std::string_view header, std::string_view name, uint64_t* size) {
  if (header.size() != kArchiveBlockBytes) return false;
  uint64_t value = 0;
  for (char c : header.substr(kSize, kSizeDigits)) {
    if (c < '0' || c > '7') return false;
    value = value * 8 + static_cast<uint64_t>(c - '0');
  }
  if (header != archive_header(name, value)) return false;
  *size = value;
  return true;
}

}  // namespace gatetape
