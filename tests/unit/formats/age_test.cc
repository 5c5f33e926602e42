#include "formats/age.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace gatetape {
namespace {

TEST(Age, a_recipient_is_32_bytes_with_a_checksum) {
  // A recipient of the age specification, https://age-encryption.org/v1.
  const std::string good = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
  const auto key = parse_age_recipient(good);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->size(), 32U);
  for (size_t at = 0; at < good.size(); at++) {
    std::string other = good;
    other[at] = other[at] == 'q' ? 'p' : 'q';
    EXPECT_FALSE(parse_age_recipient(other).ok()) << at;
  }
  for (const char* bad : {"", "age1", "age1qqqqqq", "AGE1ZVKYG2LQ",
                          "bech1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"})
    EXPECT_FALSE(parse_age_recipient(bad).ok()) << bad;
  EXPECT_FALSE(parse_age_recipient(good + "q").ok());
}

std::string output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  std::array<char, 65536> buffer;
  for (size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    text.append(buffer.data(), got);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return text;
}

// Debian's age decrypts what is written here, at each border of a chunk.
TEST(Age, the_program_age_decrypts_it) {
  std::string folder = testing::TempDir() + "/age_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  output_of("age-keygen -o " + folder + "/key 2>/dev/null");
  std::string recipient = output_of("age-keygen -y " + folder + "/key");
  recipient.pop_back();
  for (size_t size : {size_t{0}, size_t{1}, size_t{65535}, size_t{65536}, size_t{65537},
                      size_t{131072}, size_t{200000}}) {
    std::string plain(size, '\0');
    for (size_t i = 0; i < size; i++) plain[i] = static_cast<char>(i * 7 + i / 256);
    std::string file;
    auto age = AgeWriter::create(*parse_age_recipient(recipient), [&](std::string_view bytes) {
      file += bytes;
      return absl::OkStatus();
    });
    ASSERT_TRUE(age.ok()) << age.status();
    for (size_t at = 0; at < size; at += 999)
      ASSERT_TRUE(age->add(std::string_view(plain).substr(at, 999)).ok());
    ASSERT_TRUE(age->finish().ok());
    std::ofstream(folder + "/file", std::ios::binary) << file;
    EXPECT_TRUE(output_of("age -d -i " + folder + "/key " + folder + "/file") == plain) << size;
    if (size > 1000) {
      EXPECT_EQ(file.find(plain.substr(0, 100)), std::string::npos) << size;
    }
  }
  output_of("rm -r " + folder);
}

}  // namespace
}  // namespace gatetape
