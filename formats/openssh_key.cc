#include "formats/openssh_key.h"

#include <bit>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"
#include "formats/key_types.h"

namespace gatetape {
namespace {

// Smallest RSA modulus, in bits. A smaller key is rejected: NIST SP 800-131A disallows it.
constexpr int kRsaBitsMin = 2048;

// mpint_bits returns the number of bits of an mpint (RFC 4251 section 5), or 0 when it is negative.
int mpint_bits(std::string_view mpint) {
  if (mpint.empty() || (mpint.front() & 0x80) != 0) return 0;
  const size_t first = mpint.find_first_not_of('\0');
  if (first == std::string_view::npos) return 0;
  const int whole = static_cast<int>(mpint.size() - first - 1) * 8;
  return whole + std::bit_width(static_cast<uint8_t>(mpint[first]));
}

// is_point returns true when `curve` is the curve of this key type and `point` is an uncompressed
// point (SEC1 section 2.3.3) of the size of that curve.
bool is_point(std::string_view type, std::string_view curve, std::string_view point) {
  struct Curve {
    std::string_view name;
    size_t point_bytes;
  };
  constexpr Curve kCurves[] = {{"nistp256", 65}, {"nistp384", 97}, {"nistp521", 133}};
  const std::string_view plain = type.substr(0, type.find('@'));
  for (const auto& [name, point_bytes] : kCurves)
    if (curve == name && plain.ends_with(name))
      return point.size() == point_bytes && point.front() == 4;
  return false;
}

// check_blob checks that the blob is a key of this type: RFC 4253 section 6.6, RFC 5656 section
// 3.1, RFC 8709 section 4, OpenSSH PROTOCOL.u2f.
absl::Status check_blob(std::string_view type, std::string_view blob) {
  const auto bad = absl::InvalidArgumentError(
      absl::StrCat("the base64 does not hold a complete key of type ", std::string(type)));
  ByteReader reader(blob);
  std::string_view inner, first, second;
  if (!reader.get_string(&inner) || inner != type || !reader.get_string(&first)) return bad;
  if (type == "ssh-ed25519") return first.size() == 32 && reader.at_end() ? absl::OkStatus() : bad;
  if (!reader.get_string(&second)) return bad;
  if (type == "sk-ssh-ed25519@openssh.com")
    return first.size() == 32 && reader.at_end() ? absl::OkStatus() : bad;
  if (type == "ssh-rsa") {
    if (!reader.at_end() || mpint_bits(first) == 0) return bad;
    if (mpint_bits(second) >= kRsaBitsMin) return absl::OkStatus();
    return absl::InvalidArgumentError("an RSA key needs 2048 bits or more; use another key");
  }
  std::string_view application;
  if (type.starts_with("sk-") && !reader.get_string(&application)) return bad;
  return is_point(type, first, second) && reader.at_end() ? absl::OkStatus() : bad;
}

}  // namespace

absl::StatusOr<OpensshPublicKey> OpensshPublicKey::parse(std::string_view line) {
  const absl::string_view text(line.data(), line.size());
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  if (trimmed.find_first_of("\r\n") != absl::string_view::npos)
    return absl::InvalidArgumentError("a key is one line; list each key of a file separately");
  const std::vector<std::string> words =
      absl::StrSplit(trimmed, absl::MaxSplits(' ', 2), absl::SkipEmpty());
  if (words.size() < 2)
    return absl::InvalidArgumentError("a key is `type base64 comment`, as in a .pub file");
  OpensshPublicKey key{words[0], {}, words.size() > 2 ? words[2] : ""};
  if (key.type.find("-cert-v01@") != std::string::npos)
    return absl::InvalidArgumentError("this is a certificate; use the public key itself");
  if (find_key_type(key.type) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("key type `", printable(key.type),
                     "` is not supported, and options before the type are not either"));
  }
  if (!from_base64(words[1], &key.blob))
    return absl::InvalidArgumentError("the key is not valid base64");
  if (absl::Status status = check_blob(key.type, key.blob); !status.ok()) return status;
  return key;
}

std::string openssh_fingerprint(std::string_view blob) {
  std::string text = to_base64(view(sha256(blob)));
  while (text.ends_with('=')) text.pop_back();
  return "SHA256:" + text;
}

std::string openssh_blob(const PublicKey& key) {
  std::string blob;
  put_string(&blob, "ssh-ed25519");
  put_string(&blob, key.raw);
  return blob;
}

std::string openssh_line(const PublicKey& key, std::string_view comment) {
  return absl::StrCat("ssh-ed25519 ", to_base64(openssh_blob(key)), " ", std::string(comment));
}

std::string openssh_private_key(const SigningKey& key, std::string_view comment) {
  const std::string check = random_bytes(4);
  std::string secret = check + check;
  put_string(&secret, "ssh-ed25519");
  put_string(&secret, key.public_key().raw);
  put_string(&secret, key.seed() + key.public_key().raw);
  put_string(&secret, comment);
  for (char pad = 1; secret.size() % 8 != 0; pad++) secret += pad;
  std::string whole("openssh-key-v1\0", 15);
  put_string(&whole, "none");  // cipher
  put_string(&whole, "none");  // key derivation
  put_string(&whole, "");
  put_u32(&whole, 1);  // number of keys
  put_string(&whole, openssh_blob(key.public_key()));
  put_string(&whole, secret);
  const std::string base64 = to_base64(whole);
  std::string text = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  for (size_t at = 0; at < base64.size(); at += 70)
    absl::StrAppend(&text, base64.substr(at, 70), "\n");
  return text + "-----END OPENSSH PRIVATE KEY-----\n";
}

}  // namespace gatetape
