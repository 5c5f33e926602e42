#include "auditd/query/session_name.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "base/check.h"

namespace gatetape::auditd {
namespace {

// Candidates that the answer to an ambiguous name lists. One more is read, to know whether there
// are others.
constexpr size_t kCandidatesMax = 5;

// $1 is how many newer sessions to step over. A condition on what the asker may see belongs here
// and into kMatches.
constexpr char kNthNewest[] = R"(
select session_id from gatetape.session where kind in ('session', 'forward')
order by started_at desc, session_id desc offset $1::bigint limit 1)";

// $1 and $2 bound the ids with the prefix, $3 and $4 the reversed ids with the suffix, $5 is the
// number of rows. A null bound matches nothing.
constexpr char kMatches[] = R"(
select id from (
  (select session_id as id from gatetape.session where session_id between $1::uuid and $2::uuid
   order by 1 limit $5::bigint) union
  (select session_id from gatetape.head where session_id between $1::uuid and $2::uuid
   order by 1 limit $5::bigint) union
  (select session_id from gatetape.session_key where session_id between $1::uuid and $2::uuid
   order by 1 limit $5::bigint) union
  (select session_id from gatetape.frames where session_id between $1::uuid and $2::uuid
   order by 1 limit 1) union
  (select session_id from gatetape.frames where session_id between $1::uuid and $2::uuid
   order by 1 desc limit 1) union
  (select session_id from gatetape.session
   where gatetape.reversed_id(session_id) between $3::uuid and $4::uuid
   order by gatetape.reversed_id(session_id) limit $5::bigint)) found
order by id desc limit $5::bigint)";

// $1 is the sessions. Each row is one of them in the same order: its reversed id and the reversed
// ids before and after it, null where there is none.
constexpr char kNeighbours[] = R"(
select w.key,
       (select gatetape.reversed_id(s.session_id) from gatetape.session s
        where gatetape.reversed_id(s.session_id) < w.key
        order by gatetape.reversed_id(s.session_id) desc limit 1),
       (select gatetape.reversed_id(s.session_id) from gatetape.session s
        where gatetape.reversed_id(s.session_id) > w.key
        order by gatetape.reversed_id(s.session_id) limit 1)
from (select gatetape.reversed_id(u.id) as key, u.place
      from unnest($1::uuid[]) with ordinality u(id, place)) w
order by w.place)";

absl::Status malformed(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", printable(text),
                   "\" is not a session id: type the id, at least its first 8 or its last 4 "
                   "digits, `last` or `last~N`"));
}

absl::StatusOr<SessionName> parse_last(std::string_view text) {
  SessionName name;
  if (text == "last") return name;
  const std::string_view number = text.substr(std::min<size_t>(text.size(), 5));
  const bool is_number = text.starts_with("last~") && !number.empty() && number.size() <= 9 &&
                         std::all_of(number.begin(), number.end(), absl::ascii_isdigit) &&
                         absl::SimpleAtoi({number.data(), number.size()}, &name.back);
  if (!is_number) return malformed(text);
  if (name.back <= kLastBackMax) return name;
  return absl::InvalidArgumentError(absl::StrCat(
      "last~", name.back, " is too far back: N is at most ", kLastBackMax, "; use `gatetape ls`"));
}

// range_of returns the ids that begin with the digits.
IdRange range_of(const std::string& digits) {
  CHECK(digits.size() >= kSuffixDigitsMin && digits.size() <= kIdDigits, digits);
  const auto filled = [&digits](char filler) {
    std::string bytes;
    CHECK(from_hex(digits + std::string(kIdDigits - digits.size(), filler), &bytes), digits);
    return *SessionId::from_bytes(bytes);
  };
  return {filled('0'), filled('f')};
}

// read_ids returns the ids of an answer.
absl::StatusOr<std::vector<SessionId>> read_ids(const absl::StatusOr<DbRows>& rows) {
  if (!rows.ok()) return rows.status();
  const auto texts = read_rows(*rows, [](DbRow& row) { return row.uuid(); });
  if (!texts.ok()) return texts.status();
  std::vector<SessionId> ids;
  for (const std::string& bytes : *texts) ids.push_back(*SessionId::from_bytes(bytes));
  return ids;
}

// Neighbours is a row of kNeighbours, each id as its 16 bytes.
struct Neighbours {
  std::string key;
  std::optional<std::string> before;
  std::optional<std::string> after;
};

// find_matches returns the ids that a name of digits fits, newest first, up to one more than
// kCandidatesMax.
absl::StatusOr<std::vector<SessionId>> find_matches(Db& db, const SessionName& name) {
  std::vector<PgParam> params(2, PgParam::null());
  const IdRange suffix = name.suffix_range();
  if (name.may_be_prefix()) {
    const IdRange prefix = name.prefix_range();
    params = {PgParam::uuid(prefix.first.bytes()), PgParam::uuid(prefix.second.bytes())};
  }
  params.push_back(PgParam::uuid(suffix.first.bytes()));
  params.push_back(PgParam::uuid(suffix.second.bytes()));
  params.push_back(PgParam::int8(kCandidatesMax + 1));
  return read_ids(db.query(kMatches, params));
}

absl::StatusOr<SessionId> find_last(Db& db, uint32_t back) {
  const auto found = read_ids(db.query(kNthNewest, {PgParam::int8(back)}));
  if (!found.ok()) return found.status();
  if (!found->empty()) return found->front();
  return absl::NotFoundError(
      back == 0 ? "no session is recorded yet"
                : absl::StrCat("no session last~", back, ": fewer sessions are recorded"));
}

absl::Status ambiguous(std::string_view text, const std::vector<SessionId>& matches) {
  std::vector<std::string> candidates;
  for (size_t i = 0; i < std::min(matches.size(), kCandidatesMax); i++)
    candidates.push_back(matches[i].to_text());
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", printable(text), "\" fits several sessions: ", absl::StrJoin(candidates, ", "),
      matches.size() > kCandidatesMax ? " and others" : "", "; type more digits"));
}

}  // namespace

absl::StatusOr<SessionName> SessionName::parse(std::string_view text) {
  if (text.starts_with("last")) return parse_last(text);
  SessionName name;
  for (const char c : text) {
    if (c == '-') continue;
    const bool is_digit = absl::ascii_isxdigit(static_cast<unsigned char>(c));
    if (!is_digit || name.digits.size() == kIdDigits) return malformed(text);
    name.digits += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  if (name.digits.size() < kSuffixDigitsMin) return malformed(text);
  return name;
}

IdRange SessionName::prefix_range() const { return range_of(digits); }

IdRange SessionName::suffix_range() const {
  return range_of(std::string(digits.rbegin(), digits.rend()));
}

absl::StatusOr<SessionId> resolve_session(Db& db, std::string_view text) {
  const absl::StatusOr<SessionName> name = SessionName::parse(text);
  if (!name.ok()) return name.status();
  if (name->is_last()) return find_last(db, name->back);
  const auto matches = find_matches(db, *name);
  if (!matches.ok()) return matches.status();
  if (matches->empty()) return absl::NotFoundError(absl::StrCat("no session ", printable(text)));
  if (matches->size() > 1) return ambiguous(text, *matches);
  return matches->front();
}

absl::StatusOr<std::vector<std::string>> short_names(Db& db,
                                                     const std::vector<SessionId>& sessions) {
  PgArray ids(PgArray::Element::kUuid);
  for (const SessionId& session : sessions) ids.add(PgParam::uuid(session.bytes()));
  const auto rows = db.query(kNeighbours, {ids.finish()});
  if (!rows.ok()) return rows.status();
  const auto found = read_rows(*rows, [](DbRow& row) {
    return Neighbours{row.uuid(), row.maybe(&DbRow::uuid), row.maybe(&DbRow::uuid)};
  });
  if (!found.ok()) return found.status();
  CHECK(found->size() == sessions.size(), found->size(), sessions.size());
  std::vector<std::string> names;
  for (size_t row = 0; row < found->size(); row++) {
    const Neighbours& neighbours = (*found)[row];
    const SessionId key = *SessionId::from_bytes(neighbours.key);
    size_t digits = kSuffixDigitsMin;
    for (const auto& other : {neighbours.before, neighbours.after})
      if (other) digits = std::max(digits, digits_apart(key, *SessionId::from_bytes(*other)));
    const SessionId& session = sessions[row];
    names.push_back(to_hex(session.bytes()).substr(kIdDigits - digits));
    // 8 digits and more may be the prefix of another session as well.
    const bool is_unique = digits < kPrefixDigitsMin || resolve_session(db, names.back()).ok();
    if (!is_unique) names.back() = session.to_text();
  }
  return names;
}

size_t digits_apart(const SessionId& reversed, const SessionId& other) {
  const std::string left = to_hex(reversed.bytes());
  const std::string right = to_hex(other.bytes());
  const auto differs = std::mismatch(left.begin(), left.end(), right.begin()).first;
  const auto shared = static_cast<size_t>(differs - left.begin());
  return std::clamp(shared + 1, kSuffixDigitsMin, kIdDigits);
}

}  // namespace gatetape::auditd
