#include "formats/age.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/seal.h"

namespace gatetape {
namespace {

constexpr std::string_view kHumanPart = "age";
constexpr std::string_view kDigits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr size_t kChecksumDigits = 6;
constexpr size_t kPublicKeyBytes = 32;
constexpr size_t kFileKeyBytes = 16;
constexpr size_t kPayloadNonceBytes = 16;
// Size of a chunk of plain text, in bytes; the format fixes it.
constexpr size_t kChunkBytes = size_t{64} << 10;

// bech32_checksum returns 1 when the last digits are the checksum of the others (BIP 173).
uint32_t bech32_checksum(const std::vector<uint8_t>& values) {
  constexpr std::array<uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                                  0x2a1462b3};
  uint32_t sum = 1;
  for (uint8_t value : values) {
    const uint32_t top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (size_t i = 0; i < kGenerator.size(); i++)
      if ((top >> i & 1) != 0) sum ^= kGenerator[i];
  }
  return sum;
}

// bytes_of_digits joins digits of 5 bits. It returns false when a bit that is left over is set.
bool bytes_of_digits(const std::vector<uint8_t>& digits, std::string* bytes) {
  uint32_t bits = 0, count = 0;
  for (uint8_t digit : digits) {
    bits = bits << 5 | digit;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes->push_back(static_cast<char>(bits >> count & 0xff));
    bits &= (1U << count) - 1;
  }
  return count < 5 && bits == 0;
}

// unpadded returns base64 without padding, as age writes it.
std::string unpadded(std::string_view bytes) {
  std::string text = to_base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  return text;
}

// header_of returns the header of a file whose key is `file_key`.
absl::StatusOr<std::string> header_of(std::string_view public_key, std::string_view file_key) {
  const auto shared = agree_x25519(public_key);
  if (!shared.ok()) return shared.status();
  const std::string wrap_key = hkdf_sha256_salted(
      shared->secret, shared->share + std::string(public_key), "age-encryption.org/v1/X25519");
  const std::string no_nonce(12, '\0');
  const std::string header = "age-encryption.org/v1\n-> X25519 " + unpadded(shared->share) + "\n" +
                             unpadded(seal_chacha20_poly1305(wrap_key, no_nonce, file_key)) +
                             "\n---";
  const std::string mac_key = hkdf_sha256_salted(file_key, "", "header");
  return header + " " + unpadded(view(hmac_sha256_once(mac_key, header))) + "\n";
}

}  // namespace

absl::StatusOr<std::string> parse_age_recipient(std::string_view text) {
  const auto malformed = absl::InvalidArgumentError(
      "not a recipient `age1...`: ask the recipient for the line that `age-keygen -y` prints");
  std::vector<uint8_t> values;
  for (char c : kHumanPart) values.push_back(static_cast<uint8_t>(c >> 5));
  values.push_back(0);
  for (char c : kHumanPart) values.push_back(static_cast<uint8_t>(c & 31));
  std::vector<uint8_t> digits;
  if (!text.starts_with("age1")) return malformed;
  for (char c : text.substr(kHumanPart.size() + 1)) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return malformed;
    digits.push_back(static_cast<uint8_t>(digit));
  }
  values.insert(values.end(), digits.begin(), digits.end());
  if (digits.size() < kChecksumDigits || bech32_checksum(values) != 1) return malformed;
  digits.resize(digits.size() - kChecksumDigits);
  std::string key;
  if (!bytes_of_digits(digits, &key) || key.size() != kPublicKeyBytes) return malformed;
  return key;
}

absl::StatusOr<AgeWriter> AgeWriter::create(std::string_view public_key, Sink sink) {
  const std::string file_key = random_bytes(kFileKeyBytes);
  const auto header = header_of(public_key, file_key);
  if (!header.ok()) return header.status();
  const std::string nonce = random_bytes(kPayloadNonceBytes);
  if (absl::Status status = sink(*header + nonce); !status.ok()) return status;
  return AgeWriter(hkdf_sha256_salted(file_key, nonce, "payload"), std::move(sink));
}

absl::Status AgeWriter::add(std::string_view bytes) {
  while (!bytes.empty()) {
    // A full chunk is written only when a byte follows it, because the last chunk is marked.
    if (chunk_.size() == kChunkBytes) {
      if (absl::Status status = write_chunk(chunk_, false); !status.ok()) return status;
      chunk_.clear();
    }
    const std::string_view part = bytes.substr(0, kChunkBytes - chunk_.size());
    chunk_ += part;
    bytes.remove_prefix(part.size());
  }
  return absl::OkStatus();
}

absl::Status AgeWriter::finish() { return write_chunk(chunk_, true); }

absl::Status AgeWriter::write_chunk(std::string_view plain, bool is_last) {
  CHECK(plain.size() <= kChunkBytes, plain.size());
  std::string nonce(3, '\0');
  put_u64(&nonce, chunks_++);
  nonce.push_back(is_last ? '\1' : '\0');
  return sink_(seal_chacha20_poly1305(payload_key_, nonce, plain));
}

}  // namespace gatetape
