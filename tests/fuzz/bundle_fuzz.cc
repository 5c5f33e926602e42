// Fuzz target of bundles: the manifest, the signed parts, and the verifier of a whole file. The
// input is a manifest, a part, a file of keys and a file; and, after its first byte, the members of
// a file whose manifest fits, so that the bytes reach the verdicts.

#include <map>

#include "bundle/archive.h"
#include "bundle/verify.h"
#include "tests/fuzz/fuzz.h"

namespace gatetape::fuzz {
namespace {

const BundleKeys& keys() {
  static const BundleKeys all =
      *BundleKeys::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n");
  return all;
}

// check_text CHECKs that a parsed text has one form.
template <typename Parsed>
void check_text(const absl::StatusOr<Parsed>& parsed, std::string_view bytes) {
  if (parsed.ok()) CHECK(parsed->to_text() == bytes, printable(bytes));
}

// check_file CHECKs that no file is proven: no log key signed anything.
void check_file(std::string_view file) {
  const auto report = verify_bundle(TextSource(file), keys());
  CHECK(report.ok(), report.status());
  CHECK(report->verdicts.size() == 7 && !report->is_proven(), report->verdicts.size());
  for (const BundleVerdict& verdict : report->verdicts) check_shown(verdict.to_line());
}

void append(std::string* file, std::string_view name, std::string_view content) {
  *file += archive_header(name, content.size());
  *file += content;
  *file += std::string(archive_padding(content.size()), '\0');
}

// check_members makes a file of members, each with a byte for its name and two for its size.
void check_members(Choices choices) {
  static const char* const kNames[] = {"frames",      "frame_keys", "head",       "checkpoint",
                                       "entries/0",   "entries/1",  "lines/open", "lines/live",
                                       "lines/close", "views/a"};
  std::string manifest = "gatetape bundle v1\nsession 019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b\n";
  manifest += "format " + std::to_string(1 + choices.u8() % 2) + "\ncreated 0\nframes " +
              std::to_string(choices.u8()) + "\n";
  std::string members;
  for (size_t name = 0; name < std::size(kNames) && !choices.empty(); name++) {
    const size_t size = size_t{choices.u8()} << 4 | choices.u8() % 16;
    if (choices.u8() % 8 == 0) continue;
    const std::string_view content = choices.bytes(size);
    manifest += Member{sha256(content), content.size(), kNames[name]}.to_line();
    append(&members, kNames[name], content);
  }
  manifest += "manifest " + to_hex(view(sha256(manifest))) + "\n";
  std::string file;
  append(&file, kManifestName, manifest);
  check_file(file + members + std::string(kArchiveEndBytes, '\0'));
}

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  const std::string_view bytes = fuzz::input(data, size);
  fuzz::check_text(Manifest::parse(bytes), bytes);
  fuzz::check_text(SignedHead::parse(bytes), bytes);
  fuzz::check_text(BundleEntry::parse(3, bytes), bytes);
  fuzz::check_text(BundleLine::parse(bytes), bytes);
  const auto keys = BundleKeys::parse(bytes);
  CHECK(!keys.ok() || !keys->logs.empty());
  fuzz::check_file(bytes);
  if (bytes.starts_with('M')) fuzz::check_members(fuzz::Choices(bytes.substr(1)));
  return 0;
}
