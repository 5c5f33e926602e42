#include "base/os/tls_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "tools/cli/x509.h"

namespace gatetape::tools {
namespace {

constexpr int64_t kDayS = 86400;

// The files that `gatetape certs` makes, and what a daemon reports about them at its start.
class TlsFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/gatetape_tls_XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    dir_ = pattern;
    tls_ = {dir_ + "/a.pem", dir_ + "/a.key", dir_ + "/ca.pem"};
    write(tls_.certificate, leaf_.certificate_pem());
    write(tls_.key, leaf_.key_pem());
    write(tls_.ca, ca_.certificate_pem());
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
    std::filesystem::permissions(path, std::filesystem::perms(0600));
  }
  Certificate sign(const std::string& uri = "gatetape:recorder") const {
    CertificateWish wish;
    wish.common_name = "gatetape recorder";
    wish.uri = uri;
    return *ca_.sign(wish);
  }
  // complaint returns the error message, which must begin with the name of the file.
  std::string complaint(const std::string& file, int64_t now_s) const {
    const absl::Status status = read_tls_expiry(tls_, now_s).status();
    EXPECT_TRUE(status.message().find(file) == 0) << status;
    return std::string(status.message());
  }

  std::string dir_;
  TlsConfig tls_;
  const int64_t now_s_ = system_clock().wall_ns() / 1'000'000'000;
  const Certificate ca_ = Certificate::make_ca("a CA", 10);
  const Certificate leaf_ = sign();
};

TEST_F(TlsFilesTest, good_ones_tell_when_they_end) {
  const absl::StatusOr<int64_t> until_s = read_tls_expiry(tls_, now_s_);
  ASSERT_TRUE(until_s.ok()) << until_s.status();
  EXPECT_NEAR(static_cast<double>(*until_s), static_cast<double>(now_s_ + 397 * kDayS), 60);
}

TEST_F(TlsFilesTest, a_daemon_looks_at_them_only_when_it_speaks_tls) {
  std::filesystem::remove(tls_.key);
  EXPECT_TRUE(check_tls_files({.endpoints = {"unix:/a", "unix:/b"}, .tls = tls_}, now_s_).ok());
  EXPECT_TRUE(absl::IsNotFound(
      check_tls_files({.endpoints = {"unix:/a", "db1:7000"}, .tls = tls_}, now_s_)));
}

TEST_F(TlsFilesTest, a_daemon_does_not_start_with_the_certificate_of_another_role) {
  const struct {
    const char* uri;
    const char* complaint;  // empty = none
  } kRows[] = {{"gatetape:recorder", ""},
               {"gatetape:gateway", "has the role gatetape:gateway"},
               {"gatetape:janitor", "unknown role"},
               {"gatetape:", "unknown role"},
               {"spiffe://gatetape/recorder", "no role of gatetape"}};
  for (const auto& row : kRows) {
    const Certificate leaf = sign(row.uri);
    write(tls_.certificate, leaf.certificate_pem());
    write(tls_.key, leaf.key_pem());
    const absl::Status status = check_tls_files(
        {.endpoints = {"db1:7000"}, .tls = tls_, .role = PeerRole::kRecorder}, now_s_);
    EXPECT_EQ(status.ok(), *row.complaint == '\0') << row.uri;
    EXPECT_NE(status.message().find(row.complaint), std::string::npos) << status;
    EXPECT_EQ(status.message().find(tls_.certificate) == 0, !status.ok()) << status;
  }
}

TEST_F(TlsFilesTest, what_is_wrong_is_said_with_the_file) {
  EXPECT_NE(complaint(tls_.certificate, now_s_ + 398 * kDayS).find("expired at 2"),
            std::string::npos);
  EXPECT_NE(complaint(tls_.certificate, now_s_ - kDayS).find("not valid before"),
            std::string::npos);
  write(tls_.key, sign().key_pem());
  EXPECT_NE(complaint(tls_.key, now_s_).find("not the key of " + tls_.certificate),
            std::string::npos);
  for (const std::string* file : {&tls_.ca, &tls_.key, &tls_.certificate}) {
    write(*file, "nonsense");
    EXPECT_NE(complaint(*file, now_s_).find("in PEM"), std::string::npos);
  }
  std::filesystem::permissions(tls_.key, std::filesystem::perms(0604));
  write(tls_.certificate, leaf_.certificate_pem());
  EXPECT_NE(complaint(tls_.key, now_s_).find("chmod 600"), std::string::npos);
  std::filesystem::remove(tls_.certificate);
  complaint(tls_.certificate, now_s_);
}

}  // namespace
}  // namespace gatetape::tools
