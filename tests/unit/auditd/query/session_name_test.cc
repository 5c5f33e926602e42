// Session names: what may be typed, and which session it finds.
#include "auditd/query/session_name.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/stored_session.h"

namespace gatetape::auditd {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'900'000'000 * kSecond;

TEST(SessionNameTest, a_name_is_digits_or_last) {
  struct Row {
    const char* text;
    const char* digits;
    uint32_t back;
  };
  const Row rows[] = {
      {"last", "", 0},
      {"last~0", "", 0},
      {"last~1", "", 1},
      {"last~007", "", 7},
      {"last~1000000", "", 1'000'000},
      {"7c8d", "7c8d", 0},
      {"7C8D", "7c8d", 0},
      {"7c-8d", "7c8d", 0},
      {"019c1a2b", "019c1a2b", 0},
      {"019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b", "019c1a2b3c4d7e5f8a6b7c8d9e0f1a2b", 0},
      {"019C1A2B3C4D7E5F8A6B7C8D9E0F1A2B", "019c1a2b3c4d7e5f8a6b7c8d9e0f1a2b", 0},
  };
  for (const Row& row : rows) {
    const auto name = SessionName::parse(row.text);
    ASSERT_TRUE(name.ok()) << row.text;
    EXPECT_EQ(name->digits, row.digits) << row.text;
    EXPECT_EQ(name->back, row.back) << row.text;
  }
}

TEST(SessionNameTest, what_is_no_name_is_refused) {
  for (const char* text : {"",
                           "-",
                           "----",
                           "7c8",
                           "7-c-8",
                           "7c8g",
                           " 7c8d",
                           "7c8d ",
                           "0x7c8d",
                           "Last",
                           "lastly",
                           "last~",
                           "last~-1",
                           "last~+1",
                           "last~ 1",
                           "last~1 ",
                           "last~1x",
                           "last~1~1",
                           "last~1000001",
                           "last~4294967297",
                           "last~99999999999999999999",
                           "019c1a2b3c4d7e5f8a6b7c8d9e0f1a2b0"})
    EXPECT_TRUE(absl::IsInvalidArgument(SessionName::parse(text).status())) << text;
  EXPECT_FALSE(SessionName::parse(std::string("last~1\0", 7)).ok());
}

TEST(SessionNameTest, digits_span_the_ids_that_begin_or_end_with_them) {
  const auto name = SessionName::parse("019c1a2b");
  ASSERT_TRUE(name.ok());
  EXPECT_TRUE(name->may_be_prefix());
  EXPECT_EQ(name->prefix_range().first.to_text(), "019c1a2b-0000-0000-0000-000000000000");
  EXPECT_EQ(name->prefix_range().second.to_text(), "019c1a2b-ffff-ffff-ffff-ffffffffffff");
  EXPECT_EQ(name->suffix_range().first.to_text(), "b2a1c910-0000-0000-0000-000000000000");
  EXPECT_EQ(name->suffix_range().second.to_text(), "b2a1c910-ffff-ffff-ffff-ffffffffffff");
  EXPECT_FALSE(SessionName::parse("019c1a2")->may_be_prefix());
}

SessionId id_of(const char* text) { return *SessionId::from_text(text); }

TEST(SessionNameTest, digits_apart_counts_the_shared_ones_and_one_more) {
  const SessionId id = id_of("b2a1f0e9-0000-0000-0000-000000000000");
  EXPECT_EQ(digits_apart(id, id_of("c2a1f0e9-0000-0000-0000-000000000000")), 4u) << "at least 4";
  EXPECT_EQ(digits_apart(id, id_of("b2a2f0e9-0000-0000-0000-000000000000")), 4u);
  EXPECT_EQ(digits_apart(id, id_of("b2a10000-0000-0000-0000-000000000000")), 5u);
  EXPECT_EQ(digits_apart(id, id_of("b2a1f0e9-0000-0000-0000-000000000001")), 32u);
}

// A record with sessions of chosen ids; each starts a second after the one before.
class ResolveTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string database = PgCluster::shared().create_record();
    owner_ = PgCluster::shared().connect(database);
    reader_ = PgCluster::shared().open(database, "gatetape_auditd");
    run_ = make_system_session("gw1", kStart);
    store(*owner_, run_);
  }
  SessionId add(const char* id) {
    stored_++;
    StoredSession session =
        make_session(run_.id, "alice", "web", "10.0.0.1:1", kStart + stored_ * kSecond);
    session.id = id_of(id);
    store(*owner_, session);
    return session.id;
  }
  // found returns the id that a name finds, or the name of the error.
  std::string found(const std::string& name) {
    const auto id = resolve_session(*reader_, name);
    return id.ok() ? id->to_text() : absl::StatusCodeToString(id.status().code());
  }

  std::unique_ptr<PgConnection> owner_;
  std::unique_ptr<Db> reader_;
  StoredSession run_;
  int64_t stored_ = 0;
};

constexpr char kFirst[] = "01ba0000-0000-7000-8000-0000aaaa1111";
constexpr char kSecondId[] = "01ba0000-1111-7000-8000-0000bbbb1111";
constexpr char kThird[] = "01ba0001-0000-7000-8000-000001ba0000";

TEST_F(ResolveTest, prefix_and_suffix_find_the_session_that_they_name_alone) {
  for (const char* id : {kFirst, kSecondId, kThird}) add(id);
  EXPECT_EQ(found(kFirst), kFirst);
  EXPECT_EQ(found("01ba0000000070008000 0000aaaa1111"), "INVALID_ARGUMENT");
  EXPECT_EQ(found("01BA00000000700080000000AAAA1111"), kFirst);
  EXPECT_EQ(found("01ba0000-1"), kSecondId);
  EXPECT_EQ(found("01ba0001"), kThird);
  EXPECT_EQ(found("a1111"), kFirst);
  EXPECT_EQ(found("BBBB-1111"), kSecondId);
  EXPECT_EQ(found("0000"), kThird) << "4 digits are no prefix";
  EXPECT_EQ(found("1111"), "INVALID_ARGUMENT") << "two sessions end so";
  EXPECT_EQ(found("01ba0000"), "INVALID_ARGUMENT") << "two begin and one ends so";
  EXPECT_EQ(found("ffff"), "NOT_FOUND");
  EXPECT_EQ(found("01bb0000"), "NOT_FOUND");
}

TEST_F(ResolveTest, an_ambiguous_name_lists_up_to_five_candidates) {
  add(kFirst);
  add(kSecondId);
  const std::string two(resolve_session(*reader_, "1111").status().message());
  EXPECT_EQ(two, std::string("\"1111\" fits several sessions: ") + kSecondId + ", " + kFirst +
                     "; type more digits");
  for (const char* id :
       {"01ba0000-0000-7000-8000-000000011111", "01ba0000-0000-7000-8000-000000021111",
        "01ba0000-0000-7000-8000-000000031111", "01ba0000-0000-7000-8000-000000041111"})
    add(id);
  const std::string six(resolve_session(*reader_, "1111").status().message());
  EXPECT_NE(six.find(" and others; type more digits"), std::string::npos) << six;
  EXPECT_EQ(std::count(six.begin(), six.end(), ','), 4) << six;
}

TEST_F(ResolveTest, last_is_the_newest_by_start_and_no_daemon) {
  EXPECT_EQ(found("last"), "NOT_FOUND");
  add(kThird);  // the largest id starts first
  add(kFirst);
  add(kSecondId);
  StoredSession later = make_system_session("gw2", kStart + 100 * kSecond);
  store(*owner_, later);
  EXPECT_EQ(found("last"), kSecondId);
  EXPECT_EQ(found("last~0"), kSecondId);
  EXPECT_EQ(found("last~1"), kFirst);
  EXPECT_EQ(found("last~2"), kThird);
  EXPECT_EQ(found("last~3"), "NOT_FOUND");
  ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
  ASSERT_TRUE(
      owner_->execute("update gatetape.session set kind = 'forward' where target = 'web'").ok());
  EXPECT_EQ(found("last"), kSecondId) << "a forward counts too";
}

TEST_F(ResolveTest, a_whole_id_finds_a_session_that_lost_its_row) {
  add(kFirst);
  ASSERT_TRUE(owner_->execute("set session_replication_role = replica").ok());
  ASSERT_TRUE(owner_->execute("delete from gatetape.session where kind = 'session'").ok());
  EXPECT_EQ(found(kFirst), kFirst);
  EXPECT_EQ(found("01ba0000"), kFirst);
  EXPECT_EQ(found("aaaa1111"), "NOT_FOUND");
}

TEST_F(ResolveTest, a_short_name_is_the_shortest_suffix_that_finds_its_session) {
  std::vector<SessionId> ids;
  for (const char* id : {kFirst, kSecondId, kThird, "01ba0002-0000-7000-8000-5555aaaa1111",
                         "01ba0003-0000-7000-8000-000000099999"})
    ids.push_back(add(id));
  const auto names = short_names(*reader_, ids);
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(*names, (std::vector<std::string>{"0aaaa1111", "b1111", "0000", "5aaaa1111", "9999"}));
  for (size_t i = 0; i < ids.size(); i++) EXPECT_EQ(found((*names)[i]), ids[i].to_text());
  EXPECT_TRUE(short_names(*reader_, {})->empty());
}

TEST_F(ResolveTest, a_suffix_that_is_a_prefix_elsewhere_is_no_short_name) {
  const SessionId one = add("01ba0002-0000-7000-8000-000001ba0000");
  add("01ba0002-0000-7000-8000-000011ba0000");
  add("01ba0000-0000-7000-8000-000000000001");
  const auto names = short_names(*reader_, {one});
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(names->front(), one.to_text());
}

}  // namespace
}  // namespace gatetape::auditd
