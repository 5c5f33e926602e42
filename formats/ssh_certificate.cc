#include "formats/ssh_certificate.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "formats/key_types.h"

namespace gatetape {
namespace {

constexpr std::string_view kEd25519 = kSshKeyTypes.front().name;
constexpr std::string_view kEd25519Certificate = kSshKeyTypes.front().certificate;
constexpr uint32_t kUserType = 1;
constexpr uint32_t kHostType = 2;
constexpr size_t kNonceBytes = 32;  // size of the random nonce; OpenSSH uses the same

using Options = std::vector<std::pair<std::string, std::string>>;

// encode_options returns the options in order of their names. A value is a string inside a string;
// no value is an empty string.
std::string encode_options(Options options) {
  std::sort(options.begin(), options.end());
  std::string out;
  for (size_t i = 0; i < options.size(); ++i) {
    CHECK(i == 0 || options[i - 1].first != options[i].first, options[i].first);
    put_string(&out, options[i].first);
    std::string data;
    if (!options[i].second.empty()) put_string(&data, options[i].second);
    put_string(&out, data);
  }
  return out;
}

// decode_options parses the form that encode_options returns. It returns false when names are not
// sorted or repeat, or a value is not complete.
bool decode_options(std::string_view bytes, Options* options) {
  ByteReader reader(bytes);
  while (!reader.at_end()) {
    std::string_view name;
    std::string_view data;
    std::string_view value;
    reader.get_string(&name);
    if (!reader.get_string(&data)) return false;
    if (!options->empty() && options->back().first >= name) return false;
    if (!data.empty()) {
      ByteReader inner(data);
      if (!inner.get_string(&value) || !inner.at_end()) return false;
    }
    options->emplace_back(name, value);
  }
  return true;
}

bool decode_principals(std::string_view bytes, std::vector<std::string>* principals) {
  ByteReader reader(bytes);
  while (!reader.at_end()) {
    std::string_view name;
    if (!reader.get_string(&name)) return false;
    principals->emplace_back(name);
  }
  return true;
}

const SshKeyType* find_certificate_type(std::string_view certificate_type) {
  for (const SshKeyType& type : kSshKeyTypes) {
    if (type.certificate == certificate_type) return &type;
  }
  return nullptr;
}

// read_key reads the nonce, which is dropped, and the strings of the key, and writes the blob of
// the plain key.
bool read_key(ByteReader* reader, const SshKeyType& type, std::string* public_key) {
  std::string_view nonce;
  reader->get_string(&nonce);
  put_string(public_key, type.name);
  bool read = true;
  for (int i = 0; i < type.strings; ++i) {
    std::string_view field;
    read = reader->get_string(&field);
    put_string(public_key, field);
  }
  return read;
}

}  // namespace

std::string mint_certificate(const SigningKey& ca, const CertificateRequest& request) {
  CHECK(request.public_key.size() == 32, request.public_key.size());
  std::string principals;
  for (const std::string& name : request.principals) put_string(&principals, name);
  Options extensions;
  for (const std::string& name : request.extensions) extensions.emplace_back(name, "");

  std::string out;
  put_string(&out, kEd25519Certificate);
  put_string(&out, random_bytes(kNonceBytes));
  put_string(&out, request.public_key);
  put_u64(&out, request.serial);
  put_u32(&out, request.host ? kHostType : kUserType);
  put_string(&out, request.key_id);
  put_string(&out, principals);
  put_u64(&out, request.valid_after);
  put_u64(&out, request.valid_before);
  put_string(&out, encode_options(request.critical_options));
  put_string(&out, encode_options(extensions));
  put_string(&out, "");  // reserved
  put_string(&out, ed25519_key_blob(ca.public_key().raw));

  std::string signature;
  put_string(&signature, kEd25519);
  put_string(&signature, ca.sign(out));
  put_string(&out, signature);
  return out;
}

absl::StatusOr<Certificate> parse_certificate(std::string_view blob) {
  Certificate parsed;
  ByteReader reader(blob);
  std::string_view type_name;
  reader.get_string(&type_name);
  const SshKeyType* type = find_certificate_type(type_name);
  if (type == nullptr) {
    return absl::InvalidArgumentError("certificate: the type is unknown");
  }
  parsed.type = type->certificate;
  if (!read_key(&reader, *type, &parsed.public_key)) {
    return absl::InvalidArgumentError("certificate: it ends inside the key");
  }
  uint32_t kind = 0;
  std::string_view key_id, principals, critical, extensions, reserved, authority, signature;
  reader.get_u64(&parsed.serial);
  reader.get_u32(&kind);
  reader.get_string(&key_id);
  reader.get_string(&principals);
  reader.get_u64(&parsed.valid_after);
  reader.get_u64(&parsed.valid_before);
  reader.get_string(&critical);
  reader.get_string(&extensions);
  reader.get_string(&reserved);
  reader.get_string(&authority);
  parsed.signed_bytes = blob.substr(0, blob.size() - reader.rest().size());
  reader.get_string(&signature);
  if (!reader.at_end())
    return absl::InvalidArgumentError("certificate: bytes are missing or left over");
  if (kind != kUserType && kind != kHostType) {
    return absl::InvalidArgumentError("certificate: it is neither a user nor a host certificate");
  }
  if (!decode_principals(principals, &parsed.principals) ||
      !decode_options(critical, &parsed.critical_options) ||
      !decode_options(extensions, &parsed.extensions)) {
    return absl::InvalidArgumentError("certificate: malformed principals, options or extensions");
  }
  parsed.host = kind == kHostType;
  parsed.key_id = key_id;
  parsed.authority = authority;
  parsed.signature = signature;
  return parsed;
}

bool verify_certificate_signature(const Certificate& certificate) {
  ByteReader authority(certificate.authority);
  ByteReader signature(certificate.signature);
  std::string_view key_type, key, signature_type, signature_bytes;
  authority.get_string(&key_type);
  authority.get_string(&key);
  signature.get_string(&signature_type);
  signature.get_string(&signature_bytes);
  if (!authority.at_end() || !signature.at_end()) return false;
  if (key_type != kEd25519 || signature_type != kEd25519) return false;
  if (key.size() != 32 || signature_bytes.size() != 64) return false;
  return PublicKey{std::string(key)}.verify(certificate.signed_bytes, signature_bytes);
}

std::string ed25519_key_blob(std::string_view raw_public_key) {
  std::string blob;
  put_string(&blob, kEd25519);
  put_string(&blob, raw_public_key);
  return blob;
}

}  // namespace gatetape
