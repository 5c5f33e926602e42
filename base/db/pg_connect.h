// Opens a connection of libpq without ever blocking for longer than a host's share. Both doors of
// base/db work on such a connection. Any thread; one thread at a time uses a connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

struct pg_conn;

namespace gatetape {

struct PgFinish {
  void operator()(pg_conn* connection) const;
};
using PgHandle = std::unique_ptr<pg_conn, PgFinish>;

// PgSetting is a setting of the server for one connection. It travels in the conninfo, because what
// SET did is lost with the connection.
struct PgSetting {
  std::string name;
  std::string value;
};

// PgTarget names a database and how it is used.
struct PgTarget {
  std::string conninfo;  // of libpq
  std::vector<PgSetting> settings = {};
};

// pg_connect opens a connection in UTF-8. INVALID_ARGUMENT for what is no conninfo, UNAVAILABLE
// with libpq's message when no host answers. It waits at most 5 s for each host.
absl::StatusOr<PgHandle> pg_connect(const PgTarget& target);

// pg_error returns libpq's last message about a connection, without its line end.
std::string pg_error(const pg_conn* connection);

// PgWait is what wait_for_socket waits for.
struct PgWait {
  int fd;
  short events;         // of poll(2)
  int64_t deadline_ns;  // of the monotonic clock
};
// wait_for_socket waits until an event or an error; it returns false at the deadline.
bool wait_for_socket(const PgWait& wait);

}  // namespace gatetape
