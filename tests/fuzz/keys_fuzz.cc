// Fuzz target of keys and certificates. The input is a public key line of OpenSSH or of gatetape, a
// certificate blob (raw, or in base64 after a type), or PEM.

#include <algorithm>

#include "base/crypto.h"
#include "formats/openssh_key.h"
#include "formats/ssh_certificate.h"
#include "tests/fuzz/fuzz.h"
#include "tools/cli/x509.h"

namespace gatetape::fuzz {
namespace {

// An ECDSA key names the curve of its type and has a point of the size of that curve.
void check_curve(const OpensshPublicKey& key) {
  ByteReader reader(key.blob);
  std::string_view type, curve, point;
  CHECK(reader.get_string(&type) && reader.get_string(&curve) && reader.get_string(&point));
  const size_t size = curve == "nistp256" ? 65 : curve == "nistp384" ? 97 : 133;
  CHECK(key.type.find("-" + std::string(curve)) != std::string::npos, key.type);
  CHECK(curve.size() == 8 && point.size() == size && point[0] == 4, curve, point.size());
}

void check_public_line(std::string_view line) {
  const auto key = OpensshPublicKey::parse(line);
  if (!key.ok()) {
    check_shown({key.status().message().data(), key.status().message().size()});
    return;
  }
  ByteReader reader(key->blob);
  std::string_view type;
  CHECK(reader.get_string(&type) && type == key->type, key->type);
  CHECK(key->comment.find_first_of("\r\n") == std::string::npos, key->comment);
  // The line holds the key and nothing else, so that one blob has one text.
  const std::string base64 = to_base64(key->blob);
  CHECK(line.find(key->type + " ") != std::string_view::npos, key->type);
  CHECK(line.find(base64) != std::string_view::npos, base64);
  const auto again = OpensshPublicKey::parse(key->type + " " + base64 + " " + key->comment);
  CHECK(again.ok() && again->blob == key->blob && again->comment == key->comment);
  for (const std::string& blob : {key->blob + '\0', key->blob.substr(0, key->blob.size() - 1)})
    CHECK(!OpensshPublicKey::parse(key->type + " " + to_base64(blob)).ok(), base64);
  if (key->type.find("ecdsa") != std::string::npos) check_curve(*key);
  CHECK(openssh_fingerprint(key->blob).size() == 50);
}

void check_sorted(const std::vector<std::pair<std::string, std::string>>& options) {
  for (size_t i = 1; i < options.size(); i++)
    CHECK(options[i - 1].first < options[i].first, options[i].first);
}

void check_certificate(std::string_view blob) {
  const auto parsed = parse_certificate(blob);
  if (!parsed.ok()) return;
  std::string whole = parsed->signed_bytes;
  put_string(&whole, parsed->signature);
  CHECK(whole == blob);
  check_sorted(parsed->critical_options);
  check_sorted(parsed->extensions);
  size_t names = 0;
  for (const std::string& name : parsed->principals) names += 4 + name.size();
  CHECK(names <= blob.size(), names);
  CHECK(!parse_certificate(std::string(blob) + '\0').ok());
  CHECK(!parse_certificate(blob.substr(0, blob.size() - 1)).ok());
  if (!verify_certificate_signature(*parsed)) return;
  // A signature with one other byte anywhere does not verify.
  std::string other(blob);
  for (const size_t at : {size_t{40}, blob.size() / 2, blob.size() - 1}) {
    other[at % other.size()] = static_cast<char>(other[at % other.size()] ^ 1);
    const auto changed = parse_certificate(other);
    CHECK(!changed.ok() || !verify_certificate_signature(*changed), at);
    other = blob;
  }
}

void check_own_line(std::string_view line) {
  const auto key = PublicKey::from_text(line);
  if (!key.ok()) return;
  CHECK(key->raw.size() == 32);
  CHECK(line.starts_with(key->to_text()), key->to_text());
  CHECK(line.find_first_not_of(" \n", key->to_text().size()) == std::string_view::npos);
}

void check_base64(std::string_view text) {
  std::string bytes;
  if (from_base64(text, &bytes)) CHECK(to_base64(bytes) == text, printable(text));
  if (from_hex(text, &bytes)) CHECK(bytes.size() == text.size() / 2, bytes.size());
}

void check_pem(std::string_view text) {
  if (text.find("-----BEGIN") == std::string_view::npos) return;
  const std::string pem(text);
  const auto loaded = tools::Certificate::parse({.certificate = pem, .key = pem});
  if (!loaded.ok()) return;
  const auto again = tools::Certificate::parse(
      {.certificate = loaded->certificate_pem(), .key = loaded->key_pem()});
  CHECK(again.ok(), again.status());
  CHECK(again->certificate_pem() == loaded->certificate_pem());
  const auto leaf = loaded->sign({"x", "gatetape:x", {"host", "10.0.0.1"}, 1});
  if (leaf.ok()) CHECK(!leaf->sign({"x", "gatetape:x", {}, 1}).ok());
}

}  // namespace
}  // namespace gatetape::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gatetape;
  const std::string_view bytes = fuzz::input(data, size);
  fuzz::check_public_line(bytes);
  fuzz::check_own_line(bytes);
  fuzz::check_base64(bytes);
  fuzz::check_pem(bytes);
  fuzz::check_certificate(bytes);
  std::string blob;
  const size_t space = bytes.find(' ');
  if (space != std::string_view::npos && from_base64(bytes.substr(space + 1), &blob))
    fuzz::check_certificate(blob);
  return 0;
}
