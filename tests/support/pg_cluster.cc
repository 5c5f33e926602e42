#include "tests/support/pg_cluster.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/check.h"
#include "base/db/migrate.h"

namespace gatetape {
namespace {

constexpr char kBin[] = "/usr/lib/postgresql/15/bin/";

// run_as_postgres runs a program of PostgreSQL as another account, because PostgreSQL does not run
// as root.
void run_as_postgres(const std::string& command) {
  const std::string line =
      geteuid() == 0 ? "setpriv --reuid=postgres --regid=postgres --clear-groups " + command
                     : command;
  const int result = std::system((line + " >/dev/null 2>&1 </dev/null").c_str());
  CHECK(result == 0, line, result);
}

void ok(const absl::Status& status) { CHECK(status.ok(), status); }

}  // namespace

PgCluster& PgCluster::shared() {
  static PgCluster cluster;
  return cluster;
}

PgCluster::PgCluster() {
  char folder[] = "/dev/shm/gatetape_pg_XXXXXX";
  CHECK(mkdtemp(folder) != nullptr, errno);
  folder_ = folder;
  if (geteuid() == 0) CHECK(std::system(("chown postgres: " + folder_).c_str()) == 0, folder_);
  run_as_postgres(std::string(kBin) +
                  "initdb -A trust -U postgres -N --no-instructions -E UTF8 --locale=C -D " +
                  folder_ + "/data");
  start();
}

PgCluster::~PgCluster() {
  if (getpid() != owner_) return;
  run_as_postgres(std::string(kBin) + "pg_ctl -m immediate -w -D " + folder_ + "/data stop");
  CHECK(std::system(("rm -rf " + folder_).c_str()) == 0, folder_);
}

void PgCluster::start() {
  run_as_postgres(std::string(kBin) + "pg_ctl -w -D " + folder_ + "/data -l " + folder_ +
                  "/log -o \"-k " + folder_ +
                  " -c listen_addresses= -c shared_buffers=32MB\" start");
}

void PgCluster::stop() {
  run_as_postgres(std::string(kBin) + "pg_ctl -m fast -w -D " + folder_ + "/data stop");
}

std::string PgCluster::conninfo(const std::string& database, const std::string& role) const {
  return "host=" + folder_ + " user=" + role + " dbname=" + database;
}

std::unique_ptr<PgConnection> PgCluster::connect(const std::string& database,
                                                 const std::string& role) const {
  auto connection = PgConnection::connect(conninfo(database, role));
  ok(connection.status());
  return *std::move(connection);
}

std::unique_ptr<Db> PgCluster::open(const std::string& database, const std::string& role) const {
  auto db = Db::open({.conninfo = conninfo(database, role)});
  ok(db.status());
  return *std::move(db);
}

std::string PgCluster::create_database() {
  const std::string name = "test_" + std::to_string(++databases_);
  ok(open("postgres")->run_script("create database " + name));
  return name;
}

std::string PgCluster::create_record() {
  const std::string name = create_database();
  ok(migrate(*open(name), migrations_folder()).status());
  return name;
}

std::string migrations_folder() { return GATETAPE_MIGRATIONS; }

}  // namespace gatetape
