// Runs a fuzz target over kept inputs: every file that is named, and every file of every folder
// that is named. It replaces libFuzzer, and any compiler builds it.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// replay returns false when the file cannot be read.
bool replay(const fs::path& path) {
  // The last line before an abort then names the input.
  std::fprintf(stderr, "%s\n", path.c_str());
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file || bytes.size() != fs::file_size(path)) return false;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  size_t inputs = 0;
  for (int i = 1; i < argc; i++) {
    for (const fs::path& path : files_of(argv[i])) {
      if (!replay(path)) return 1;
      inputs++;
    }
  }
  std::fprintf(stderr, "%zu inputs replayed\n", inputs);
  return inputs == 0 ? 1 : 0;
}
