#include "gateway/session/connection_facts.h"

#include <gtest/gtest.h>

#include <vector>

namespace gatetape::gateway {
namespace {

ConnectionFacts facts() { return {"018f-connection", "192.0.2.1:4711", 1'790'000'000}; }

TEST(ConnectionFacts, probes_of_a_connection_are_one_frame) {
  ConnectionFacts one = facts();
  EXPECT_FALSE(one.take_probes().has_value());
  for (const char* key : {"SHA256:b", "SHA256:a", "SHA256:b"}) one.on_probe("alice", key);
  const std::optional<Event> probes = one.take_probes();
  ASSERT_TRUE(probes.has_value());
  EXPECT_EQ(probes->get("connection"), "018f-connection");
  EXPECT_EQ(probes->get("source"), "192.0.2.1:4711");
  EXPECT_EQ(probes->get("user"), "alice");
  EXPECT_EQ(probes->get_number("count"), 3u);
  EXPECT_EQ(probes->get("key_fingerprints"), "SHA256:a\nSHA256:b");
  EXPECT_FALSE(one.take_probes().has_value());
  EXPECT_FALSE(one.end({}).has_value());
}

TEST(ConnectionFacts, the_first_step_of_a_login_is_no_probe) {
  ConnectionFacts one = facts();
  one.on_probe("alice", "SHA256:a");
  one.on_login("alice", "SHA256:a");
  EXPECT_FALSE(one.take_probes().has_value());
}

TEST(ConnectionFacts, probes_before_a_login_with_another_key_stay) {
  ConnectionFacts one = facts();
  one.on_probe("bob", "SHA256:b");
  one.on_probe("alice", "SHA256:a");
  one.on_login("alice", "SHA256:a");
  EXPECT_EQ(one.take_probes()->get("key_fingerprints"), "SHA256:b");
}

TEST(ConnectionFacts, the_end_says_who_ended_a_connection_that_had_logged_in) {
  struct Row {
    const char* name;
    ConnectionFacts::End how;
    const char* reason;
    const char* detail;
  };
  const std::vector<Row> rows = {
      {"the client left", {.loss = {.by_peer = true}}, "client", ""},
      {"the network", {.loss = {.error = "reset by peer"}}, "client_lost", "reset by peer"},
      {"the gateway", {.disconnected = "gatetape: no\n"}, "gateway", "gatetape: no\\x0a"},
      {"a limit", {.misuse = "too much", .loss = {.by_peer = true}}, "protocol", "too much"},
      {"the rules do not allow it",
       {.revoked = "no key", .shutdown = "no key"},
       "revoked",
       "no key"},
      {"the gateway stops", {.shutdown = "bye", .disconnected = "bye"}, "shutdown", "bye"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ConnectionFacts one = facts();
    EXPECT_FALSE(one.end(row.how).has_value());
    one.on_login("alice", "SHA256:a");
    const std::optional<Event> end = one.end(row.how);
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->get("connection"), "018f-connection");
    EXPECT_EQ(end->get("user"), "alice");
    EXPECT_EQ(end->get("source"), "192.0.2.1:4711");
    EXPECT_EQ(end->get("reason"), row.reason);
    EXPECT_EQ(end->get("detail"), row.detail);
    EXPECT_EQ(end->get("started_at"), "1790000000");
  }
}

}  // namespace
}  // namespace gatetape::gateway
