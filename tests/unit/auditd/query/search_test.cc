// Search: when something happened decides, not when the session began in which it did.
#include "auditd/query/search.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace gatetape::auditd
