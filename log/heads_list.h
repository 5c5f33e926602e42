// HeadsList: the sessions that advanced since the list before, with their size and root
// (docs/FORMAT.md section 9.2). A recorder signs its root as an entry of the log. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto.h"
#include "log/entry.h"
#include "log/proof.h"
#include "record/session_id.h"

namespace gatetape {

struct HeadsLine {
  enum class State {
    kOpen,   // the first list that names the session
    kLive,   // neither the first nor the last one
    kClose,  // the list of the last frame, also when it is the first list
  };
  SessionId session;
  TreeHead head;  // of the session
  State state = State::kLive;

  // to_text returns the line without its line end.
  std::string to_text() const;
  // parse accepts the line that to_text returns. The bytes may be hostile; it fails with
  // INVALID_ARGUMENT for any other form.
  static absl::StatusOr<HeadsLine> parse(std::string_view line);
  bool operator==(const HeadsLine&) const = default;
};

// HeadsList keeps its lines in the order of their sessions, so that every list is well-formed.
class HeadsList {
 public:
  // from_lines sorts the lines. No line, a session that occurs twice, and a size of 0 fail a CHECK.
  static HeadsList from_lines(std::vector<HeadsLine> lines);
  // parse accepts a text of at least one line, which may be hostile. It fails with INVALID_ARGUMENT
  // for any other form.
  static absl::StatusOr<HeadsList> parse(std::string_view text);

  const std::vector<HeadsLine>& lines() const { return lines_; }
  // find returns the index of the line of a session, or the number of lines.
  size_t find(const SessionId& session) const;
  std::string to_text() const;
  // root returns the RFC 6962 root over the lines.
  Hash root() const;
  // prove returns the inclusion proof of a line in the tree of the lines. An index that is not
  // below the number of lines fails a CHECK.
  std::vector<Hash> prove(size_t index) const;
  // is_of returns true when `entry` is the entry of this list.
  bool is_of(const HeadsEntry& entry) const {
    return entry.count == lines_.size() && entry.root == root();
  }

 private:
  std::vector<HeadsLine> lines_;
};

}  // namespace gatetape
