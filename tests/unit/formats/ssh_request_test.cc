#include "formats/ssh_request.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/bytes.h"

namespace gatetape {
namespace {

std::string strings(const std::vector<std::string_view>& values) {
  std::string out;
  for (std::string_view value : values) put_string(&out, value);
  return out;
}

std::string numbers(const std::vector<uint32_t>& values) {
  std::string out;
  for (uint32_t value : values) put_u32(&out, value);
  return out;
}

struct Row {
  const char* name;
  std::string data;
  const char* description;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {"exec", strings({"rm -rf /tmp/x"}), "rm -rf /tmp/x"},
      {"exec", strings({"a\x1b[2J\n"}), "a\\x1b[2J\\x0a"},
      {"exec", strings({"\\x1b"}), "\\\\x1b"},
      {"subsystem", strings({"sftp"}), "sftp"},
      {"env", strings({"LANG", "C.UTF-8"}), "LANG=C.UTF-8"},
      {"pty-req", strings({"xterm"}) + numbers({80, 24, 640, 480}) + strings({"modes"}),
       "xterm 80x24"},
      {"window-change", numbers({132, 43, 0, 0}), "132x43"},
      {"signal", strings({"TERM"}), "TERM"},
      {"exit-status", numbers({255}), "255"},
      {"exit-signal", strings({"SEGV"}) + "\1" + strings({"oops", "en"}),
       "SEGV (core dumped): oops"},
      {"exit-signal", strings({"HUP"}) + std::string(1, '\0') + strings({"", ""}), "HUP"},
      {"shell", "", ""},
  };
  return kRows;
}

TEST(SshRequest, one_line_says_what_the_request_is) {
  for (const Row& row : rows()) {
    const auto request = parse_ssh_request(row.name, row.data);
    ASSERT_TRUE(request.ok()) << row.name;
    EXPECT_EQ(describe(*request), row.description) << row.name;
  }
}

TEST(SshRequest, fields_hold_the_exact_bytes) {
  const auto pty = parse_ssh_request(
      "pty-req", strings({"vt100"}) + numbers({80, 24, 640, 480}) + strings({"\1\0\2"}));
  ASSERT_TRUE(pty.ok());
  EXPECT_EQ(pty->term, "vt100");
  EXPECT_EQ(pty->columns, 80u);
  EXPECT_EQ(pty->rows, 24u);
  EXPECT_EQ(pty->width_px, 640u);
  EXPECT_EQ(pty->height_px, 480u);
  EXPECT_EQ(pty->modes, "\1\0\2");
  const auto exec = parse_ssh_request("exec", strings({std::string_view("a\0\xff", 3)}));
  ASSERT_TRUE(exec.ok());
  EXPECT_EQ(exec->command, std::string("a\0\xff", 3));
}

TEST(SshRequest, data_of_a_known_request_must_fit_to_the_byte) {
  for (const Row& row : rows()) {
    EXPECT_FALSE(parse_ssh_request(row.name, row.data + "x").ok()) << row.name;
    for (size_t cut = 0; cut < row.data.size(); cut++)
      EXPECT_EQ(parse_ssh_request(row.name, row.data.substr(0, cut)).status().code(),
                absl::StatusCode::kInvalidArgument)
          << row.name << " cut at " << cut;
  }
}

TEST(SshRequest, another_request_gives_its_name_alone) {
  const auto request = parse_ssh_request("x11-req", "any bytes");
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->name, "x11-req");
  EXPECT_EQ(describe(*request), "");
}

}  // namespace
}  // namespace gatetape
