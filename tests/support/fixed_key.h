// fixed_key: an Ed25519 key of a known seed, for tests with published or worked examples.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crypto.h"

namespace gatetape {

// fixed_key returns the key of a seed of 32 bytes. It goes through a file of mode 0600, because
// SigningKey::load is the only way in.
inline SigningKey fixed_key(const std::string& seed) {
  std::string der;
  CHECK(from_hex("302e020100300506032b657004220420", &der) && seed.size() == 32, seed.size());
  const std::string folder = testing::TempDir();
  std::string path = folder + "/fixed_key_XXXXXX";
  const int fd = mkstemp(path.data());
  CHECK(fd >= 0, path);
  close(fd);
  std::ofstream(path) << "-----BEGIN PRIVATE KEY-----\n"
                      << to_base64(der + seed) << "\n-----END PRIVATE KEY-----\n";
  const auto key = SigningKey::load(path);
  unlink(path.c_str());
  CHECK(key.ok(), key.status());
  return *key;
}

}  // namespace gatetape
