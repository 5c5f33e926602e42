#include "gateway/farewell.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace gatetape::gateway {
namespace {

TEST(Farewell, is_an_identification_and_one_plain_disconnect_for_any_length_of_reason) {
  for (size_t length = 0; length < 40; length++) {
    const std::string why(length, 'x');
    const std::string bytes = Farewell::text(why);
    const size_t line = bytes.find("\r\n");
    ASSERT_NE(line, std::string::npos);
    EXPECT_EQ(bytes.substr(0, 8), "SSH-2.0-");
    const std::string packet = bytes.substr(line + 2);
    EXPECT_EQ(packet.size() % 8, 0) << length;
    ByteReader reader(packet);
    uint32_t packet_bytes = 0;
    uint8_t padding = 0;
    uint8_t message = 0;
    uint32_t code = 0;
    std::string_view reason;
    std::string_view language;
    ASSERT_TRUE(reader.get_u32(&packet_bytes) && reader.get_u8(&padding) &&
                reader.get_u8(&message) && reader.get_u32(&code) && reader.get_string(&reason) &&
                reader.get_string(&language));
    EXPECT_EQ(packet_bytes + 4, packet.size());
    EXPECT_EQ(message, 1);
    EXPECT_EQ(code, 12U);
    EXPECT_EQ(reason, why);
    EXPECT_GE(padding, 4);
    EXPECT_EQ(reader.rest().size(), padding);
  }
}

}  // namespace
}  // namespace gatetape::gateway
