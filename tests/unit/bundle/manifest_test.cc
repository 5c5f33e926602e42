#include "bundle/manifest.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "bundle/archive.h"
#include "bundle/member_name.h"

namespace gatetape {
namespace {

Manifest example() {
  Manifest manifest;
  manifest.session = *SessionId::from_text("019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b");
  manifest.created_ns = 5;
  manifest.frames = 7;
  manifest.left_out = {{1, 2, 30}, {34, 1, 0}};
  for (const char* name : {"frames", "frame_keys", "checkpoint", "entries/2", "entries/10",
                           "lines/open", "lines/close", "views/a", "views/b"})
    manifest.members.push_back({sha256(name), 12, name});
  return manifest;
}

// sealed returns lines with a last line that fits.
std::string sealed(const std::string& lines) {
  return lines + "manifest " + to_hex(view(sha256(lines))) + "\n";
}

std::string lines_of(const Manifest& manifest) {
  const std::string text = manifest.to_text();
  return text.substr(0, text.rfind("manifest "));
}

TEST(Manifest, has_one_form) {
  const Manifest manifest = example();
  const std::string text = manifest.to_text();
  const auto parsed = Manifest::parse(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->to_text(), text);
  EXPECT_EQ(parsed->members, manifest.members);
  EXPECT_EQ(parsed->left_out, manifest.left_out);
  EXPECT_EQ(sealed(lines_of(manifest)), text);
}

TEST(Manifest, anything_else_is_malformed) {
  const std::string good = lines_of(example());
  const auto with = [&good](const std::string& from, const std::string& to) {
    std::string lines = good;
    const size_t at = lines.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return lines.replace(at, from.size(), to);
  };
  const struct {
    const char* name;
    std::string lines;
  } kRows[] = {
      {"another version", with("v1", "v2")},
      {"a session in capitals", with("019c1a2b", "019C1A2B")},
      {"format 0", with("format 2", "format 0")},
      {"format 3", with("format 2", "format 3")},
      {"no frames", with("frames 7", "frames 0")},
      {"a leading zero", with("frames 7", "frames 07")},
      {"no frames left out", with("left-out 1 2 30", "left-out 1 0 30")},
      {"a kind twice", with("left-out 34 1 0", "left-out 1 1 0")},
      {"kinds that fall", with("left-out 1 2 30", "left-out 35 2 30")},
      {"a kind of 16 bits", with("left-out 34 1 0", "left-out 32768 1 0")},
      {"a word more", with("left-out 34 1 0", "left-out 34 1 0 0")},
      {"a size over 8 GiB", with(" 12 frames", " 8589934592 frames")},
      {"a hash in capitals",
       with(to_hex(view(sha256("frames"))), "A" + to_hex(view(sha256("frames"))).substr(1))},
      {"a member that is unknown", with("frame_keys", "frame_kays")},
      {"members out of order", with("entries/2", "entries/11")},
      {"views out of order", with("views/a", "views/c")},
      {"a member twice", with("views/b", "views/a")},
      {"no checkpoint", with("checkpoint", "head")},
      {"an empty line", with("format", "\nformat")},
      {"a line more", good + "more\n"},
  };
  for (const auto& row : kRows)
    EXPECT_EQ(Manifest::parse(sealed(row.lines)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << row.name;
  EXPECT_FALSE(Manifest::parse(good + "manifest " + std::string(64, '0') + "\n").ok());
  EXPECT_FALSE(Manifest::parse(sealed(good) + "\n").ok());
  EXPECT_FALSE(Manifest::parse("").ok());
}

TEST(MemberName, orders_members_and_knows_each_name) {
  const char* const kOrder[] = {"frames",      "frame_keys", "head",       "checkpoint",
                                "entries/2",   "entries/10", "lines/open", "lines/live",
                                "lines/close", "views/A",    "views/a.txt"};
  for (size_t i = 1; i < std::size(kOrder); i++)
    EXPECT_LT(*MemberName::parse(kOrder[i - 1]), *MemberName::parse(kOrder[i])) << kOrder[i];
  for (const char* name : {"", "MANIFEST", "entries/", "entries/02", "entries/-1", "lines/",
                           "views/", "views/.a", "views/a/b", "views/\xc3\xa4", "frames/"})
    EXPECT_FALSE(MemberName::parse(name)) << name;
  EXPECT_TRUE(MemberName::parse("views/" + std::string(80, 'a')));
  EXPECT_FALSE(MemberName::parse("views/" + std::string(81, 'a')));
}

TEST(Archive, a_header_has_one_form) {
  for (uint64_t size : {uint64_t{0}, uint64_t{511}, kArchiveMemberBytesMax}) {
    std::string header = archive_header("MANIFEST", size);
    uint64_t read = 1;
    ASSERT_TRUE(parse_archive_size(header, "MANIFEST", &read));
    EXPECT_EQ(read, size);
    EXPECT_FALSE(parse_archive_size(header, "MANIFESTS", &read));
    for (char& byte : header) {
      byte ^= 1;
      EXPECT_FALSE(parse_archive_size(header, "MANIFEST", &read));
      byte ^= 1;
    }
  }
}

}  // namespace
}  // namespace gatetape
