// AccessLoad: one reading of the access rules, and what of it takes effect. decide_session: whether
// a person gets a session, and keeps it. Pure; any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "policy/access.h"
#include "record/event.h"
#include "record/frame.h"

namespace gatetape::gateway {

// AccessLoad is one reading of access.toml. Every reading is a frame, also one that is refused. Its
// rules take effect when that frame is durable, and not before.
class AccessLoad {
 public:
  // Record offers a frame. It calls `done` with OK when the frame is durable, or with an error.
  using Done = std::function<void(const absl::Status& recorded)>;
  using Record = std::function<void(FrameKind kind, const Event& event, Done done)>;

  // Source is the file that was read.
  struct Source {
    std::string path;
    std::optional<std::string> text{};  // nothing when the file could not be read
    bool is_fallback = false;           // a copy of the last good rules, because the file is bad
  };

  AccessLoad(Source source, absl::StatusOr<Access> access);
  // event returns the fields of access_load.
  Event event() const;
  // take_effect records the load, and calls `use` with its rules when the frame is durable. It
  // calls nothing when the file was refused or the load is not recorded: the old rules stay.
  void take_effect(const Record& record,
                   std::function<void(std::shared_ptr<const Access>)> use) const;
  // rules returns the rules that were read, nullptr when the file was refused.
  std::shared_ptr<const Access> rules() const { return rules_; }
  // status is OK, or says why the file was refused.
  const absl::Status& status() const { return status_; }
  const std::string& path() const { return source_.path; }
  // text returns the bytes of the file, nothing when it could not be read.
  std::string text() const { return source_.text.value_or(""); }
  // sha256 returns the hash of these bytes in hexadecimal, an empty text without bytes.
  const std::string& sha256() const { return sha256_; }
  bool is_fallback() const { return source_.is_fallback; }

 private:
  Source source_;
  std::string sha256_;
  absl::Status status_;
  std::shared_ptr<const Access> rules_;
};

// Credential is by what a person logged in.
struct Credential {
  std::string user;
  std::string key_blob;  // the public key (RFC 4253 section 6.6)
};

// denial_of_credential returns why the credential is not valid under these rules, empty when it is:
// the very key must still belong to the user.
std::string denial_of_credential(const Access& access, const Credential& credential);

// address_of returns host:port of a target, as SessionWish holds it.
std::string address_of(const AccessTarget& target);

// SessionWish is the session that a person asks for, or has: the rules decide it again after each
// reload.
struct SessionWish {
  Credential credential;
  std::string target;       // its name; empty when the rules have no such target
  std::string target_text;  // as the person wrote it
  std::string login;
  // What an open session is connected to: it is no session with another machine of that name.
  // Empty while it is not known.
  std::string address{};   // host:port as in access.toml
  std::string host_key{};  // the blob that the target has shown, in base64
};

// decide_session returns the grant under which the session is opened or goes on, or
// PERMISSION_DENIED with the reason that the person and the record get.
absl::StatusOr<Grant> decide_session(const Access& access, const SessionWish& wish);

// decide_inner returns the target to which a person may open an inner connection of `ssh -J`, or
// PERMISSION_DENIED with the reason. `host` and `port` are what the client asked for.
absl::StatusOr<AccessTarget> decide_inner(const Access& access, const Credential& credential,
                                          std::string_view host, int port);

}  // namespace gatetape::gateway
