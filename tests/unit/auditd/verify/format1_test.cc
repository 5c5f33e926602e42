// Tests that a database of record format 1 stays readable: after the migrations, each session has
// the verdict that the version of that time gave it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "auditd/verify/verifier.h"
#include "base/clock.h"
#include "base/db/migrate.h"
#include "tests/support/pg_cluster.h"

namespace gatetape::auditd {
namespace {

using audit::v1::Verdict;

std::string data(const std::string& name) { return GATETAPE_TEST_DATA "/format1/" + name; }

PublicKey key(const std::string& name) {
  std::ifstream file(data(name));
  std::string line;
  std::getline(file, line);
  return *PublicKey::from_text(line);
}

std::string word(Verdict::Result result) {
  return result == Verdict::RESULT_INTACT     ? "intact"
         : result == Verdict::RESULT_UNSIGNED ? "unsigned"
                                              : "tampered";
}

TEST(Format1, every_session_keeps_its_verdict) {
  const PgCluster& cluster = PgCluster::shared();
  const std::string database = PgCluster::shared().create_database();
  // The roles that the dump grants rights to.
  ASSERT_TRUE(
      migrate(*cluster.open(PgCluster::shared().create_database()), migrations_folder()).ok());
  const std::string restore = "gunzip -c " + data("record.sql.gz") +
                              " | psql -X -q -v ON_ERROR_STOP=1 -o /dev/null '" +
                              cluster.conninfo(database) + "'";
  ASSERT_EQ(std::system(restore.c_str()), 0);
  const auto migrated = migrate(*cluster.open(database), migrations_folder());
  ASSERT_TRUE(migrated.ok()) << migrated.status();
  EXPECT_FALSE(migrated->applied.empty());
  const TrustedKeys trusted{{key("gateway_sign.pub"), key("auditd_sign.pub")},
                            {key("recorder_sign.pub")}};
  const auto reader = cluster.open(database, "gatetape_auditd");
  Verifier verifier(*reader, trusted, system_clock());
  std::ifstream file(data("verdicts.json"));
  const auto verdicts = nlohmann::json::parse(file);
  ASSERT_EQ(verdicts.size(), 10U);
  for (const auto& wanted : verdicts) {
    const std::string id = wanted["id"];
    SCOPED_TRACE(id);
    const auto verdict = verifier.verify(*SessionId::from_text(id));
    ASSERT_TRUE(verdict.ok()) << verdict.status();
    EXPECT_EQ(word(verdict->result()), wanted["verdict"]) << verdict->detail();
    EXPECT_EQ(verdict->detail(), wanted["detail"]);
    EXPECT_EQ(verdict->frames(), wanted["frames"]);
    EXPECT_EQ(verdict->first_bad_seq(), wanted["first_bad_seq"]);
  }
}

}  // namespace
}  // namespace gatetape::auditd
