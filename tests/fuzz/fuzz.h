// What the fuzz targets share. A target is one file NAME_fuzz.cc: it gives any bytes to a parser of
// foreign bytes and CHECKs what the parser promises. It is linked with libFuzzer, or with replay.cc
// that runs the kept inputs of corpus/NAME. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"

// The name and the form that libFuzzer calls; it gives 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace gatetape::fuzz {

inline std::string_view input(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Choices takes small decisions from the front of an input; used up, it gives zeros and nothing.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : rest_(bytes) {}
  uint8_t u8() {
    const std::string_view byte = bytes(1);
    return byte.empty() ? uint8_t{0} : static_cast<uint8_t>(byte[0]);
  }
  uint32_t u32() {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value = value << 8 | u8();
    return value;
  }
  // bytes gives the next `count`, or what is left.
  std::string_view bytes(size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// check_shown CHECKs that text may go to a terminal or a log line as it is.
inline void check_shown(std::string_view text) {
  CHECK(printable(text) == text, printable(text));
  CHECK(is_utf8(text), printable(text));
}

}  // namespace gatetape::fuzz
