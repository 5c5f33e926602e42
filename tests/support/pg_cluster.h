// PgCluster: a throw-away private PostgreSQL cluster for tests, on a unix socket in a folder under
// /tmp, without fsync. One a test binary, started at first use and removed when the process ends.
// Main thread only.
#pragma once

#include <memory>
#include <string>

#include "base/db/pg.h"

namespace gatetape {

class PgCluster {
 public:
  // shared gives the binary's cluster; CHECKs that it starts.
  static PgCluster& shared();
  ~PgCluster();
  PgCluster(const PgCluster&) = delete;
  PgCluster& operator=(const PgCluster&) = delete;

  // create_database makes an empty database and gives its name.
  std::string create_database();
  // create_record makes a database with all migrations and gives its name.
  std::string create_record();
  // conninfo names a database as a role; `postgres` is the superuser and owner.
  std::string conninfo(const std::string& database, const std::string& role = "postgres") const;
  // connect opens a connection; CHECKs that it works.
  std::unique_ptr<PgConnection> connect(const std::string& database,
                                        const std::string& role = "postgres") const;
  // stop and start end and begin the server; what was committed stays.
  void stop();
  void start();

 private:
  PgCluster();

  std::string folder_;
  int databases_ = 0;
};

// migrations_folder gives the project's migrations.
std::string migrations_folder();

}  // namespace gatetape
