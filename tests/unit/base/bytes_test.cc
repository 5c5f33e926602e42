#include "base/bytes.h"

#include <gtest/gtest.h>

namespace gatetape {
namespace {

TEST(Base64, only_the_one_text_of_some_bytes_is_read) {
  std::string bytes;
  for (const char* text : {"", "Zg==", "Zm8=", "Zm9v", "+/+/"}) {
    ASSERT_TRUE(from_base64(text, &bytes)) << text;
    EXPECT_EQ(to_base64(bytes), text);
  }
  // Missing padding, wrong padding, too much padding, bits after the last byte, spaces, other
  // alphabets.
  for (const char* text :
       {"Zg", "Zg=", "Zg..", "Zg===", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Zm-_", "=", "Z"})
    EXPECT_FALSE(from_base64(text, &bytes)) << text;
}

}  // namespace
}  // namespace gatetape
