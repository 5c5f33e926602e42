// LogKeys: which keys may sign which entries of the log (docs/FORMAT.md section 9.1), as the
// entries before have registered them. The log keys are given from outside. Pure; one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "log/entry.h"
#include "log/vkey.h"

namespace gatetape::auditd {

class LogKeys {
 public:
  explicit LogKeys(const std::vector<VerifierKey>& log_keys);

  // check returns what is wrong with the signer of the next entry; an empty text when nothing is.
  // Without `with_signature` the signature of an entry that no log key signs is not verified.
  std::string check(const LogEntry& entry, bool with_signature) const;
  // take registers or retires the key of an entry that check found good.
  void take(const LogEntry& entry);

 private:
  struct Registered {
    std::string role;
    PublicKey key;
  };
  std::string check_log_key(const LogEntry& entry) const;

  std::map<std::string, PublicKey> log_keys_;  // by id
  std::map<std::string, Registered> keys_;     // by id
};

}  // namespace gatetape::auditd
