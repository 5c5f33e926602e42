#include "log/heads_list.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bytes.h"

namespace gatetape {
namespace {

using State = HeadsLine::State;

SessionId session(uint64_t number) {
  std::string bytes;
  put_u64(&bytes, number);
  put_u64(&bytes, 0);
  return *SessionId::from_bytes(bytes);
}

HeadsLine line(uint64_t number, State state = State::kLive) {
  return {session(number), {number + 1, merkle_leaf(std::to_string(number))}, state};
}

HeadsList list_of(uint64_t count) {
  std::vector<HeadsLine> lines;
  for (uint64_t i = count; i-- > 0;) lines.push_back(line(i));
  return HeadsList::from_lines(lines);
}

constexpr char kRoot[] = "n1aFnlUXM7z6jLkwfYJBcmRVwKqYyXuKBjVFt2s1ZNI=";

TEST(HeadsList, its_text_is_that_of_the_format) {
  Hash root{};
  std::string bytes;
  ASSERT_TRUE(from_base64(kRoot, &bytes) && to_hash(bytes, &root));
  const HeadsList list = HeadsList::from_lines({{session(2), {9, root}, State::kClose},
                                                {session(0), {1, root}, State::kOpen},
                                                {session(1), {5, root}, State::kLive}});
  const std::string text = std::string("00000000-0000-0000-0000-000000000000 1 ") + kRoot +
                           " open\n00000000-0000-0001-0000-000000000000 5 " + kRoot +
                           " live\n00000000-0000-0002-0000-000000000000 9 " + kRoot + " close\n";
  EXPECT_EQ(list.to_text(), text);
  EXPECT_EQ(HeadsList::parse(text)->lines(), list.lines());
  EXPECT_EQ(list.find(session(1)), 1U);
  EXPECT_EQ(list.find(session(3)), 3U);
}

TEST(HeadsList, other_texts_are_refused) {
  const std::string first = line(1).to_text() + "\n", second = line(2).to_text() + "\n";
  const std::string id = session(1).to_text(), root = kRoot;
  const std::vector<std::pair<const char*, std::string>> rows = {
      {"nothing", ""},
      {"an empty line", "\n"},
      {"no line end", first.substr(0, first.size() - 1)},
      {"out of order", second + first},
      {"a session twice", first + first},
      {"an empty line behind", first + "\n"},
      {"size 0", id + " 0 " + root + " live\n"},
      {"a size with a zero in front", id + " 01 " + root + " live\n"},
      {"another word", id + " 1 " + root + " Live\n"},
      {"no word", id + " 1 " + root + "\n"},
      {"one more field", id + " 1 " + root + " live x\n"},
      {"two spaces", id + "  1 " + root + " live\n"},
      {"a short root", id + " 1 AAAA live\n"},
      {"an id in upper case", "019C1A2B-3c4d-7e5f-8a6b-7c8d9e0f1a2b 1 " + root + " live\n"},
  };
  for (const auto& [name, text] : rows)
    EXPECT_EQ(HeadsList::parse(text).status().code(), absl::StatusCode::kInvalidArgument) << name;
}

TEST(HeadsList, one_line_is_shown_without_the_others) {
  for (uint64_t count = 1; count <= 20; count++) {
    const HeadsList list = list_of(count);
    const TreeHead head{count, list.root()};
    for (uint64_t i = 0; i < count; i++) {
      const Hash leaf = merkle_leaf(list.lines()[i].to_text());
      EXPECT_TRUE(verify_inclusion(leaf, i, head, list.prove(i)).ok()) << count << " " << i;
      EXPECT_FALSE(
          verify_inclusion(merkle_leaf(line(i, State::kClose).to_text()), i, head, list.prove(i))
              .ok());
    }
  }
}

TEST(HeadsList, an_entry_fits_its_list_alone) {
  const HeadsList list = list_of(9);
  HeadsEntry entry;
  entry.count = 9;
  entry.root = list.root();
  EXPECT_TRUE(list.is_of(entry));
  EXPECT_FALSE(list_of(8).is_of(entry));
  std::vector<HeadsLine> lines = list.lines();
  lines[4].head.size++;
  EXPECT_FALSE(HeadsList::from_lines(lines).is_of(entry));
  entry.count = 8;
  EXPECT_FALSE(list.is_of(entry));
}

}  // namespace
}  // namespace gatetape
