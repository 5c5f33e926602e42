// SessionName is how people name a session: by its id, by the first or the last digits of the id,
// or by its place in the order of starts (`last`, `last~3`). The parser is pure; the lookups run on
// a connection that is lent for one call. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/db.h"
#include "record/session_id.h"

namespace gatetape::auditd {

// Digits that a name needs at least. The first 8 digits of a UUIDv7 stand for 65 s, so fewer name
// nothing useful; the last digits are random, and 4 of them tell 65,536 sessions apart.
constexpr size_t kPrefixDigitsMin = 8;
constexpr size_t kSuffixDigitsMin = 4;
// Hexadecimal digits of a whole id.
constexpr size_t kIdDigits = 32;
// Sessions that `last~N` can go back; a larger N is refused, because PostgreSQL steps over the
// newer sessions one by one (0.16 s for 300,000 of them).
constexpr uint32_t kLastBackMax = 1'000'000;

// IdRange is the smallest and the largest id of those that a part of an id may stand for.
using IdRange = std::pair<SessionId, SessionId>;

struct SessionName {
  std::string digits;  // lower-case hexadecimal without dashes; empty for `last` and `last~N`
  uint32_t back = 0;   // N of `last~N`

  // parse reads a name as people type it: hexadecimal digits of either case, whose dashes do not
  // count, or `last`, or `last~N`. INVALID_ARGUMENT for anything else.
  static absl::StatusOr<SessionName> parse(std::string_view text);
  bool is_last() const { return digits.empty(); }
  bool may_be_prefix() const { return digits.size() >= kPrefixDigitsMin; }
  // prefix_range returns the ids that begin with the digits. suffix_range returns the ids that end
  // with them, each with its digits reversed (gatetape.reversed_id). Neither is for `last`.
  IdRange prefix_range() const;
  IdRange suffix_range() const;
};

// resolve_session returns the session that a name stands for. `last` is the newest session of kind
// session or forward, by start, that the asker may see; today every asker may see all. A whole id
// or a prefix also finds a session of which only some rows are left; a suffix finds a session by
// its row in gatetape.session alone. NOT_FOUND; INVALID_ARGUMENT for a malformed name, or for an
// ambiguous name, with up to five candidates in the text.
absl::StatusOr<SessionId> resolve_session(Db& db, std::string_view text);

// short_names returns for each session, in the same order, the shortest suffix of its id of at
// least 4 digits that resolve_session finds it by; the whole id where there is none. It compares
// each session with its two neighbours in the order of reversed ids, so that the whole store
// counts, and the cost depends on the number of days in the store, not of sessions.
absl::StatusOr<std::vector<std::string>> short_names(Db& db,
                                                     const std::vector<SessionId>& sessions);

// digits_apart returns how many of the last digits tell two ids apart, at least kSuffixDigitsMin.
// Both are reversed.
size_t digits_apart(const SessionId& reversed, const SessionId& other);

}  // namespace gatetape::auditd
