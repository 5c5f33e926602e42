#include "formats/openssh_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"

namespace gatetape {
namespace {

using ::testing::HasSubstr;

// ssh-keygen made the keys; `ssh-keygen -lf` prints the fingerprints.
constexpr char kEd25519[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG5uZvztbIskMc00oNV67eunsnZI20qhT04q60y954KS alice on "
    "her laptop";
constexpr char kFingerprint[] = "SHA256:ZSXL1lh+wxih7/UVoTqzV8IbU+bwg98m2mOA75qaP+U";
constexpr char kEcdsa[] =
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBP1aXdrsafGEVjpeaV"
    "OwylWvrb0nbAw9P5x4arNkdyRhgsv0fnNs8ZPEo0AwLI+n4y1e8h1DGnWKAiEUiZZXZfE=";
constexpr char kRsa1024[] =
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCcjNd/fU1j6mwf99hSurD21PGEz15JqVjPh2R5uGp4Rt+RVi4ZWG"
    "j9W2WaGb5k612VH1/ibT6habt0jSPERu4iP+CZWzVvCnoop8YEk0cYub71G6+PxQkI+fHy13bvRK1VMKBLkrdq4qlW"
    "1PPz/xLyXL7oz+y1KzZBe8oK7Uejiw==";

TEST(OpensshKey, a_line_gives_type_blob_comment_and_fingerprint) {
  const auto key = OpensshPublicKey::parse(kEd25519);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->type, "ssh-ed25519");
  EXPECT_EQ(key->comment, "alice on her laptop");
  EXPECT_EQ(key->blob.size(), 51u);
  EXPECT_EQ(openssh_fingerprint(key->blob), kFingerprint);
}

TEST(OpensshKey, spaces_around_and_a_missing_comment_do_not_matter) {
  const auto key = OpensshPublicKey::parse(std::string("  ") + kEcdsa + " \n");
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->comment, "");
}

// ecdsa returns the line of a key with these two fields.
std::string ecdsa(std::string_view curve, const std::string& point) {
  std::string blob;
  for (std::string_view field : {std::string_view("ecdsa-sha2-nistp256"), curve})
    put_string(&blob, field);
  put_string(&blob, point);
  return "ecdsa-sha2-nistp256 " + to_base64(blob);
}

std::string rsa(const std::string& exponent) {
  std::string blob;
  put_string(&blob, "ssh-rsa");
  put_string(&blob, exponent);
  put_string(&blob, std::string(257, '\x7f'));
  return "ssh-rsa " + to_base64(blob);
}

TEST(OpensshKey, what_is_no_usable_public_key_is_refused) {
  const std::string line = kEd25519;
  const std::string point = '\4' + std::string(64, 'p');
  ASSERT_TRUE(OpensshPublicKey::parse(ecdsa("nistp256", point)).ok());
  ASSERT_TRUE(OpensshPublicKey::parse(rsa("\3")).ok());
  const struct {
    const char* name;
    std::string line;
    const char* error;
  } kRows[] = {
      {"empty", "", "type base64"},
      {"type alone", "ssh-ed25519", "type base64"},
      {"option before the type", "no-pty " + line, "options before the type"},
      {"dss", "ssh-dss AAAAB3NzaC1kc3M=", "not supported"},
      {"certificate", "ssh-ed25519-cert-v01@openssh.com AAAA", "certificate"},
      {"no base64", "ssh-ed25519 ????", "base64"},
      {"cut", line.substr(0, 12 + 64), "complete key of type ssh-ed25519"},
      {"other type inside", "ssh-rsa " + line.substr(12), "complete key of type ssh-rsa"},
      {"other curve inside", "ecdsa-sha2-nistp384 " + std::string(kEcdsa).substr(20),
       "not hold a complete key"},
      {"short RSA", kRsa1024, "2048"},
      {"no curve", ecdsa("", point), "not hold a complete key"},
      {"part of a curve", ecdsa("nistp", point), "not hold a complete key"},
      {"a point of another curve", ecdsa("nistp256", point + "p"), "not hold a complete key"},
      {"RSA without an exponent", rsa(""), "complete key of type ssh-rsa"},
      {"RSA with a negative exponent", rsa("\xff"), "complete key of type ssh-rsa"},
      {"without padding", std::string(kEcdsa, sizeof kEcdsa - 2), "base64"},
      {"a second line", line + "\n" + line, "one line"},
  };
  for (const auto& row : kRows) {
    const auto key = OpensshPublicKey::parse(row.line);
    EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument) << row.name;
    EXPECT_THAT(std::string(key.status().message()), HasSubstr(row.error)) << row.name;
  }
}

TEST(OpensshKey, our_own_line_parses_back_to_the_same_key) {
  const SigningKey key = SigningKey::generate();
  const auto parsed = OpensshPublicKey::parse(openssh_line(key.public_key(), "gatetape user CA"));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->blob, openssh_blob(key.public_key()));
  EXPECT_EQ(parsed->comment, "gatetape user CA");
}

TEST(OpensshKey, the_private_key_file_holds_seed_and_public_key_padded_to_eight) {
  const SigningKey key = SigningKey::generate();
  const std::string text = openssh_private_key(key, "demo");
  const std::string begin = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  ASSERT_TRUE(text.starts_with(begin));
  std::string base64 = text.substr(begin.size(), text.find("\n-----END") - begin.size());
  std::erase(base64, '\n');
  std::string bytes;
  ASSERT_TRUE(from_base64(base64, &bytes));
  EXPECT_THAT(bytes, HasSubstr(key.seed() + key.public_key().raw));
  ByteReader reader(std::string_view(bytes).substr(15));
  std::string_view cipher, kdf, options, blob, secret;
  uint32_t count = 0;
  ASSERT_TRUE(reader.get_string(&cipher) && reader.get_string(&kdf) &&
              reader.get_string(&options) && reader.get_u32(&count) && reader.get_string(&blob) &&
              reader.get_string(&secret));
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(blob, openssh_blob(key.public_key()));
  EXPECT_EQ(secret.size() % 8, 0u);
  EXPECT_EQ(secret.substr(0, 4), secret.substr(4, 4));
}

}  // namespace
}  // namespace gatetape
