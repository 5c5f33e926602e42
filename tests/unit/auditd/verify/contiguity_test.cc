#include "auditd/verify/contiguity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pg_cluster.h"
#include "tests/support/stored_session.h"

namespace gatetape::auditd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'900'000'000 * kSecond;

class ContiguityTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string database = PgCluster::shared().create_record();
    owner_ = PgCluster::shared().connect(database);
    reader_ = PgCluster::shared().open(database, "gatetape_auditd");
  }
  SessionId add(const SessionId& run, const std::string& number, int64_t started_at_ns) {
    StoredSession session = make_session(run, "alice", "db1", "10.0.0.1:1", started_at_ns);
    Event opening = *Event::decode(session.frames.front().payload);
    if (!number.empty()) opening.add("session_no", number);
    session.frames.front().payload = opening.encode();
    store(*owner_, session);
    return session.id;
  }
  std::vector<std::string> holes(int64_t since_ns = 0) {
    const auto found = find_holes(*reader_, since_ns);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *found : std::vector<std::string>();
  }

  std::unique_ptr<PgConnection> owner_;
  std::unique_ptr<Db> reader_;
};

TEST_F(ContiguityTest, missing_numbers_of_a_run_are_named) {
  const SessionId run = SessionId::mint(kNow), other = SessionId::mint(kNow + kSecond);
  add(run, "", kNow + kSecond);  // a session from before the numbers
  for (const char* number : {"2", "1", "3"}) add(run, number, kNow + kSecond);
  add(other, "1", kNow + kSecond);
  EXPECT_THAT(holes(), IsEmpty());
  for (const char* number : {"5", "10"}) add(run, number, kNow + kSecond);
  add(other, "x", kNow + kSecond);
  EXPECT_THAT(holes(),
              ElementsAre("session 4 of gateway run " + run.to_text() + " is missing",
                          "sessions 6 to 9 of gateway run " + run.to_text() + " are missing"));
}

TEST_F(ContiguityTest, the_first_session_of_a_run_has_the_number_one) {
  const SessionId run = SessionId::mint(kNow);
  add(run, "2", kNow + kSecond);
  EXPECT_THAT(holes(), ElementsAre(HasSubstr("session 1 of gateway run")));
}

TEST_F(ContiguityTest, a_number_that_two_sessions_have_is_named) {
  const SessionId run = SessionId::mint(kNow);
  const SessionId one = add(run, "1", kNow + kSecond);
  const SessionId two = add(run, "1", kNow + 2 * kSecond);
  EXPECT_THAT(holes(),
              ElementsAre("session 1 of gateway run " + run.to_text() + " is stored twice, as " +
                          one.to_text() + " and " + two.to_text()));
}

// The run began before, so its first numbers do too.
TEST_F(ContiguityTest, since_a_time_the_first_number_of_an_older_run_is_any) {
  const SessionId run = SessionId::mint(kNow - 100 * kSecond);
  add(run, "1", kNow - 50 * kSecond);
  for (const char* number : {"3", "4", "6"}) add(run, number, kNow + kSecond);
  EXPECT_THAT(holes(kNow), ElementsAre(HasSubstr("session 5 of gateway run")));
  EXPECT_EQ(holes().size(), 2u);
}

}  // namespace
}  // namespace gatetape::auditd
