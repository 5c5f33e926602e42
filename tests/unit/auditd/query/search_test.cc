// Search: when something happened decides, not when the session began in which it did.
#include "auditd/query/search.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/bytes.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/stored_session.h"

namespace gatetape::auditd {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'900'000'000 * kSecond;

TEST(SearchTest, it_knows_when_something_happened_in_a_long_run) {
  const std::string database = PgCluster::shared().create_record();
  const auto owner = PgCluster::shared().connect(database);
  const auto reader = PgCluster::shared().open(database, "gatetape_auditd");
  StoredSession run = make_system_session("gw2", kNow - 3000 * kSecond);
  for (const int64_t age_s : {2000, 50}) {
    const Event attempt{{"user", "mallory"}, {"result", "refused"}, {"reason", "no such user"}};
    run.frames.push_back({run.frames.size() + 1, 0, FrameKind::kAuthAttempt,
                          static_cast<uint64_t>((3000 - age_s) * kSecond), attempt.encode()});
  }
  store(*owner, run);
  const auto hits = [&reader](int64_t since_ns, int64_t until_ns) {
    audit::v1::SearchRequest request;
    request.set_pattern("mallory");
    request.set_since_unix_ns(since_ns);
    request.set_until_unix_ns(until_ns);
    SessionReader sessions(*reader, system_clock());
    const auto found = search(*reader, sessions, request);
    EXPECT_TRUE(found.ok()) << found.status();
    std::vector<uint64_t> seqs;
    for (const auto& hit : *found) seqs.push_back(hit.seq());
    return seqs;
  };
  EXPECT_EQ(hits(0, 0), (std::vector<uint64_t>{3, 2}));
  EXPECT_EQ(hits(kNow - 100 * kSecond, 0), (std::vector<uint64_t>{3}));
  EXPECT_EQ(hits(0, kNow - 100 * kSecond), (std::vector<uint64_t>{2}));
}

class SearchedCommandsTest : public testing::Test {
 protected:
  // add stores a session of a user who runs these commands.
  void add(const std::string& user, FormatVersion version,
           const std::vector<std::string>& commands) {
    StoredSession session = make_session(run_, user, "db1", "10.0.0.1:4022", kNow);
    session.keys = CommitKeys(std::string(kCommitKeyBytes, 'k'), version);
    for (const std::string& command : commands) {
      std::string data;
      put_string(&data, command);
      session.request("exec", data);
    }
    store(*owner_, session);
  }
  // found returns `user:seq text` of each hit, in the order of these texts.
  std::vector<std::string> found(const std::string& pattern, bool regex = false) {
    audit::v1::SearchRequest request;
    request.set_pattern(pattern);
    request.set_regex(regex);
    SessionReader sessions(*reader_, system_clock());
    const auto hits = search(*reader_, sessions, request);
    EXPECT_TRUE(hits.ok()) << hits.status();
    std::vector<std::string> texts;
    for (const auto& hit : *hits)
      texts.push_back(hit.session().user() + ":" + std::to_string(hit.seq()) + " " + hit.text());
    std::sort(texts.begin(), texts.end());
    return texts;
  }

  const std::string database_ = PgCluster::shared().create_record();
  const std::unique_ptr<PgConnection> owner_ = PgCluster::shared().connect(database_);
  const std::unique_ptr<Db> reader_ = PgCluster::shared().open(database_, "gatetape_auditd");
  const SessionId run_ = SessionId::mint(kNow);
};

using Texts = std::vector<std::string>;

// Frame 2 is the first command.
TEST_F(SearchedCommandsTest, any_bytes_are_found_as_they_are_and_as_they_are_shown) {
  add("alice", FormatVersion::k2,
      {"a\tb", "a\nb",
       "a\xff"
       "b",
       "a\x1b[2J", "a\\x1b[2J", "a\\\x1b[2J", "C:\\Users", "gr\xc3\xbc\xc3\x9f 50%"});
  const struct {
    const char* name;
    std::string typed;
    Texts hits;
  } rows[] = {
      {"tab", "a\tb", {"alice:2 a\\x09b"}},
      {"newline", "a\nB", {"alice:3 a\\x0ab"}},
      {"no UTF-8", "a\xff", {"alice:4 a\\xffb"}},
      {"escape", "\x1b[2j", {"alice:5 a\\x1b[2J", "alice:7 a\\\\\\x1b[2J"}},
      {"typed escape", "a\\\\x1b[", {"alice:6 a\\\\x1b[2J"}},
      {"backslash and escape", "\\\\\x1b", {"alice:7 a\\\\\\x1b[2J"}},
      {"backslash", "c:\\u", {"alice:8 C:\\\\Users"}},
      {"UTF-8", "gr\xc3\xbc\xc3\x9f 50%", {"alice:9 gr\xc3\xbc\xc3\x9f 50%"}},
  };
  for (const auto& row : rows) EXPECT_EQ(found(row.typed), row.hits) << row.name;
  for (const auto& row : rows)
    for (const std::string& hit : row.hits) {
      const std::string text = hit.substr(hit.find(' ') + 1);
      EXPECT_EQ(found(text), Texts{hit}) << "pasted: " << text;
    }
}

TEST_F(SearchedCommandsTest, a_regular_expression_is_compared_with_what_is_shown) {
  add("alice", FormatVersion::k2, {"a\tb", "a\\x09b", "axb"});
  EXPECT_EQ(found("^a\tb$", true), Texts{"alice:2 a\\x09b"});
  EXPECT_EQ(found("^a\\\\x09b$", true), Texts{"alice:2 a\\x09b"});
  EXPECT_EQ(found("^a\\\\\\\\x09b$", true), Texts{"alice:3 a\\\\x09b"});
  EXPECT_EQ(found("^a\\wb$", true), Texts{"alice:4 axb"});
}

TEST_F(SearchedCommandsTest, sessions_of_format_1_are_found_in_their_own_form) {
  add("alice", FormatVersion::k1, {"a\tb", "C:\\Users", "\\x1b", "\x1b"});
  add("bob", FormatVersion::k2, {"C:\\Users", "\\x1b"});
  EXPECT_EQ(found("a\tb"), Texts{"alice:2 a\\x09b"});
  EXPECT_EQ(found("C:\\Users"), (Texts{"alice:3 C:\\Users", "bob:2 C:\\\\Users"}));
  EXPECT_EQ(found("C:\\\\Users"), (Texts{"alice:3 C:\\Users", "bob:2 C:\\\\Users"}));
  EXPECT_EQ(found("\x1b"), (Texts{"alice:4 \\x1b", "alice:5 \\x1b"}));
}

TEST_F(SearchedCommandsTest, the_filters_of_a_list_take_any_bytes_too) {
  add("DOM\\al\xff", FormatVersion::k2, {});
  add("DOM\\al\xff", FormatVersion::k1, {});
  add("other", FormatVersion::k2, {});
  SessionReader sessions(*reader_, system_clock());
  for (const char* user : {"DOM\\al\xff", "DOM\\\\al\\xff", "DOM*", "*\xff"}) {
    audit::v1::ListSessionsRequest request;
    request.set_user(user);
    const auto page = sessions.page(request, newest_possible(), 10);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->sessions.size(), 2U) << user;
  }
}

}  // namespace
}  // namespace gatetape::auditd
