#include "auditd/verify/derived_check.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"

namespace gatetape::auditd {
namespace {

struct Column {
  const char* name;
  bool same;
};

// first_difference returns the name of the first column that is not the same, empty when all are.
std::string first_difference(std::initializer_list<Column> columns) {
  for (const Column& column : columns)
    if (!column.same) return column.name;
  return {};
}

bool same_json(const std::string& a, const std::string& b) {
  const auto left = nlohmann::json::parse(a, nullptr, false);
  const auto right = nlohmann::json::parse(b, nullptr, false);
  return !left.is_discarded() && left == right;
}

Problem event_problem(uint64_t seq, const std::string& what) {
  return {seq, absl::StrCat("frame ", seq, ": its event row ", what)};
}

// A page of expected rows holds at most this many characters; one row may hold more.
constexpr size_t kPageChars = 1 << 20;

// PageSize adds up expected rows for one page.
class PageSize {
 public:
  // add adds a row with this many bytes of text. It returns false when the row no longer fits.
  bool add(size_t bytes) {
    const size_t largest = std::max(largest_, bytes);
    if (rows_ > 0 && (rows_ + 1) * chars_of(largest) > kPageChars) return false;
    rows_++;
    largest_ = largest;
    return true;
  }
  PageBound bound() const { return {rows_, chars_of(largest_)}; }

 private:
  // jsonb prints one blank behind each colon and comma, so its text is at most twice as long.
  static size_t chars_of(size_t bytes) { return 2 * bytes + 64; }

  size_t rows_ = 0;
  size_t largest_ = 0;
};

}  // namespace

std::optional<Problem> check_session(const SessionRow& expected,
                                     const std::optional<SessionRow>& stored) {
  if (!stored) return Problem{0, "the session row is missing"};
  const std::string differs =
      first_difference({{"kind", stored->kind == expected.kind},
                        {"user_name", stored->user == expected.user},
                        {"login", stored->login == expected.login},
                        {"target", stored->target == expected.target},
                        {"target_address", stored->target_address == expected.target_address},
                        {"source_ip", stored->source_ip == expected.source_ip},
                        {"source_port", stored->source_port == expected.source_port},
                        {"rule", stored->rule == expected.rule},
                        {"key_fingerprint", stored->key_fingerprint == expected.key_fingerprint},
                        {"gateway", stored->gateway == expected.gateway},
                        {"gateway_run", stored->gateway_run == expected.gateway_run},
                        {"started_at", stored->started_at_ns == expected.started_at_ns}});
  if (differs.empty()) return std::nullopt;
  return Problem{1, "the session row's " + differs + " is not what frame 1 says"};
}

std::optional<Problem> check_end(const std::optional<SessionEndRow>& expected,
                                 const std::optional<SessionEndRow>& stored) {
  if (expected && !stored) return Problem{expected->frames, "the session_end row is missing"};
  if (!expected && stored) return Problem{0, "there is a session_end row, but no such frame"};
  if (!expected) return std::nullopt;
  const std::string differs =
      first_difference({{"ended_at", stored->ended_at_ns == expected->ended_at_ns},
                        {"reason", stored->reason == expected->reason},
                        {"detail", stored->detail == expected->detail},
                        {"bytes_in", stored->bytes_in == expected->bytes_in},
                        {"bytes_out", stored->bytes_out == expected->bytes_out},
                        {"frames", stored->frames == expected->frames}});
  if (differs.empty()) return std::nullopt;
  return Problem{expected->frames,
                 "the session_end row's " + differs + " is not what the last frame says"};
}

PageBound EventCheck::next_page() const {
  PageSize size;
  for (size_t i = next_; i < expected_.size(); i++) {
    const EventRow& row = expected_[i];
    if (!size.add(std::max({row.name.size(), row.text.size(), row.fields.size()})))
      return size.bound();
  }
  size.add(0);
  return size.bound();
}

std::optional<Problem> EventCheck::add(const EventRow& row) {
  if (next_ == expected_.size() || row.seq < expected_[next_].seq)
    return event_problem(row.seq, "belongs to no event");
  const EventRow& expected = expected_[next_++];
  if (row.seq > expected.seq) return event_problem(expected.seq, "is missing");
  // Whoever wrote a kind that we do not know knows what its row says.
  const bool is_foreign = !is_known(expected.kind);
  const std::string differs =
      first_difference({{"channel", row.channel == expected.channel},
                        {"kind", row.kind == expected.kind},
                        {"offset_ns", row.offset_ns == expected.offset_ns},
                        {"name", is_foreign || row.name == expected.name},
                        {"text", is_foreign || row.text == expected.text},
                        {"fields", is_foreign || same_json(row.fields, expected.fields)}});
  if (differs.empty()) return std::nullopt;
  return event_problem(row.seq, "has another " + differs);
}

std::optional<Problem> EventCheck::finish() const {
  if (next_ == expected_.size()) return std::nullopt;
  return event_problem(expected_[next_].seq, "is missing");
}

PageBound ChannelCheck::next_page() const {
  PageSize size;
  for (auto expected = next_; expected != expected_.end(); ++expected)
    if (!size.add(expected->second.type.size())) return size.bound();
  size.add(0);
  return size.bound();
}

std::optional<Problem> ChannelCheck::add(const ChannelRow& row) {
  if (next_ == expected_.end() || row.channel < next_->first)
    return Problem{0, absl::StrCat("there is a row of channel ", row.channel, ", but no frame")};
  if (!(row == next_->second)) return missing();
  ++next_;
  return std::nullopt;
}

std::optional<Problem> ChannelCheck::finish() const {
  return next_ == expected_.end() ? std::nullopt : missing();
}

std::optional<Problem> ChannelCheck::missing() const {
  return Problem{next_->second.opened_seq,
                 absl::StrCat("the row of channel ", next_->first,
                              " is missing or is not what its frame says")};
}

}  // namespace gatetape::auditd
