// WitnessConfig: the file witness.toml, which the witness reads once at its start. Relative paths
// are relative to the folder of the file. An unknown key, and a value of a wrong type, is an error
// with file:line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "log/vkey.h"

namespace gatetape::witness {

struct WitnessConfig {
  std::string name;             // the key name of the cosigning key
  std::string key;              // PEM file of the cosigning key (Ed25519), mode 0600
  std::string listen;           // ADDRESS:PORT
  std::string state_dir;        // folder of the cosigned checkpoints
  std::string certificate;      // PEM file for https; empty = http
  std::string certificate_key;  // PEM file of the certificate's private key
  std::string log_level = "info";
  std::vector<VerifierKey> logs;  // of type kEd25519; the name is the origin

  // parse reads the text of a file. It fails with INVALID_ARGUMENT "path:line: what".
  static absl::StatusOr<WitnessConfig> parse(std::string_view text, const std::string& path);
  // load reads the file and parses it. It fails with NOT_FOUND when the file is missing, and with
  // PERMISSION_DENIED when this process may not read it.
  static absl::StatusOr<WitnessConfig> load(const std::string& path);
};

}  // namespace gatetape::witness
