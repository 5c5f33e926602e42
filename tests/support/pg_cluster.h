// PgCluster: a temporary private PostgreSQL cluster for tests, on a unix socket in a folder below
// /dev/shm, where fsync costs nothing: a recorder refuses a cluster without it. Each test binary
// has one; it starts at the first use and is removed when the process ends. Main thread only.
#pragma once

#include <unistd.h>

#include <memory>
#include <string>

#include "base/db/db.h"
#include "base/db/pg.h"

namespace gatetape {

class PgCluster {
 public:
  // shared returns the cluster of this test binary. A failed start fails a CHECK.
  static PgCluster& shared();
  ~PgCluster();
  PgCluster(const PgCluster&) = delete;
  PgCluster& operator=(const PgCluster&) = delete;

  // create_database creates an empty database and returns its name.
  std::string create_database();
  // create_record creates a database with all migrations and returns its name.
  std::string create_record();
  // conninfo returns the conninfo of a database and a role; `postgres` is the superuser and owner.
  std::string conninfo(const std::string& database, const std::string& role = "postgres") const;
  // open returns a new connection, connect one of the frame path alone. A failure fails a CHECK.
  std::unique_ptr<Db> open(const std::string& database, const std::string& role = "postgres") const;
  std::unique_ptr<PgConnection> connect(const std::string& database,
                                        const std::string& role = "postgres") const;
  // stop and start stop and start the server. What was committed stays.
  void stop();
  void start();

 private:
  PgCluster();

  const int owner_ = getpid();  // a death test is another process, whose end is not the cluster's
  std::string folder_;
  int databases_ = 0;
};

// migrations_folder returns the folder of the project's migrations.
std::string migrations_folder();

}  // namespace gatetape
