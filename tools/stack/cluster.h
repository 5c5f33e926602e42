// Cluster is the private PostgreSQL of one stack, in DIR/pg. It listens only on a unix socket in
// DIR/run/db, and no other cluster of the machine is touched. Main thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tools/stack/state_dir.h"
#include "tools/stack/supervisor.h"

namespace gatetape::tools {

class Cluster {
 public:
  // find returns a cluster of the PostgreSQL version that made DIR/pg, else of the newest installed
  // version from 15 on. NOT_FOUND when no such version is installed.
  static absl::StatusOr<Cluster> find(const StateDir& state);

  // exists returns true when DIR/pg is there.
  bool exists() const;
  // create runs initdb and writes the settings; DIR/pg appears only when it is complete.
  absl::Status create() const;
  // update writes which accounts may connect as which roles, before a cluster that was there
  // starts.
  absl::Status update() const;
  // service returns PostgreSQL as a service for the supervisor.
  Service service() const;
  // create_database makes the database gatetape when it does not exist.
  absl::Status create_database() const;
  // owner_conninfo returns the conninfo of a database as the superuser of this cluster.
  std::string owner_conninfo(const std::string& database) const;

 private:
  absl::Status link_old_socket() const;
  Cluster(const StateDir& state, std::string programs)
      : state_(state), programs_(std::move(programs)) {}
  StateDir state_;
  std::string programs_;  // folder of initdb and postgres
};

// migrations_folder returns the folder of the migrations: GATETAPE_MIGRATIONS, else the folder of
// the build tree or of the installation that this program is in. NOT_FOUND when there is none.
absl::StatusOr<std::string> migrations_folder();
// program_folder returns the folder of the running program.
std::string program_folder();

}  // namespace gatetape::tools
