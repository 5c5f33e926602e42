// AccessLoad: one reading of the access rules, and what of it takes effect. decide_session: whether
// a person gets a session. Pure; any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

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

// SessionWish is the session that a person asks for.
struct SessionWish {
  std::string user;
  const AccessTarget* target = nullptr;  // nullptr when the rules have no such target
  std::string target_text;               // as the person wrote it
  std::string login;
};

// decide_session returns the grant under which the session is opened, or PERMISSION_DENIED with the
// reason that the person and the record get.
absl::StatusOr<Grant> decide_session(const Access& access, const SessionWish& wish);

}  // namespace gatetape::gateway
