// Faketime: the package faketime, which gives a program another wall clock than the kernel's. The
// monotonic clock stays true.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace gatetape {

// FaketimeRun is one run of the tests of this program that match `filter`, with a wall clock as
// FAKETIME of faketime(1) describes it.
struct FaketimeRun {
  static constexpr char kLibrary[] = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

  std::string clock;
  std::string filter;

  // is_possible returns whether the package is installed. AddressSanitizer does not run behind
  // another library that is preloaded.
  static bool is_possible() {
#ifdef __SANITIZE_ADDRESS__
    return false;
#else
    return std::filesystem::exists(kLibrary);
#endif
  }
  // passes returns whether all these tests pass within 20 s.
  bool passes() const {
    const std::string command =
        "FAKETIME='" + clock + "' FAKETIME_DONT_FAKE_MONOTONIC=1 LD_PRELOAD=" + kLibrary +
        " timeout --kill-after=1 20 " + std::filesystem::read_symlink("/proc/self/exe").string() +
        " --gtest_filter='" + filter + "' >/dev/null";
    return std::system(command.c_str()) == 0;
  }
};

}  // namespace gatetape
