// bundle_mutations: writes mutated bundles and verifies them (README). It links the folders that a
// verifier of bundles needs, and no other.
#include <cstdint>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/bytes.h"
#include "bundle/verify.h"
#include "tests/mutations/mutants.h"

namespace gatetape::mutations {
namespace {

int write(uint64_t count, uint64_t number, const std::string& stream, const std::string& keys) {
  Mutants mutants(number);
  std::ofstream(keys) << mutants.signers().keys_text();
  std::ofstream out(stream, std::ios::binary);
  for (uint64_t i = 0; i < count; i++) {
    const Mutant mutant = mutants.next();
    std::string size;
    put_u64(&size, mutant.file.size());
    out << size << mutant.file;
    std::cout << i << " " << (mutant.is_bad ? "bad " : "any ") << mutant.name << "\n";
  }
  return out.flush() ? 0 : 1;
}

// verify_file prints the verdicts of one bundle.
void verify_file(uint64_t number, const std::string& file, const BundleKeys& keys) {
  const auto report = verify_bundle(TextSource(file), keys);
  CHECK(report.ok(), number, report.status());
  std::cout << number;
  for (const BundleVerdict& verdict : report->verdicts)
    std::cout << " " << verdict.name << " " << judgement_word(verdict.judgement);
  std::cout << " " << (report->is_proven() ? 0 : 5) << "\n";
}

int verify(const std::string& stream, const std::string& keys_file) {
  std::stringstream text;
  text << std::ifstream(keys_file).rdbuf();
  const auto keys = BundleKeys::parse(text.str());
  CHECK(keys.ok(), keys.status());
  std::ifstream in(stream, std::ios::binary);
  std::string head(8, '\0');
  for (uint64_t number = 0; in.read(head.data(), 8); number++) {
    uint64_t size = 0;
    ByteReader(head).get_u64(&size);
    std::string file(size, '\0');
    in.read(file.data(), static_cast<std::streamsize>(size));
    CHECK(in.good(), number);
    verify_file(number, file, *keys);
  }
  return 0;
}

}  // namespace
}  // namespace gatetape::mutations

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  using namespace gatetape::mutations;
  if (words.size() == 5 && words[0] == "write")
    return write(std::stoull(words[1]), std::stoull(words[2]), words[3], words[4]);
  if (words.size() == 3 && words[0] == "verify") return verify(words[1], words[2]);
  std::cerr << "usage: bundle_mutations write COUNT SEED STREAM KEYS | verify STREAM KEYS\n";
  return 2;
}
