// Cluster: the private PostgreSQL of one stack, in DIR/pg, on a unix socket in DIR/run alone. It
// never touches another cluster of the machine. Main thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tools/stack/state_dir.h"
#include "tools/stack/supervisor.h"

namespace gatetape::tools {

class Cluster {
 public:
  // find takes the PostgreSQL programs of the version that made DIR/pg, or the newest installed, 15
  // or later. NOT_FOUND when there is none.
  static absl::StatusOr<Cluster> find(const StateDir& state);

  // exists tells whether DIR/pg is there.
  bool exists() const;
  // create runs initdb and writes the settings; DIR/pg appears only when it is complete.
  absl::Status create() const;
  // service is PostgreSQL for the supervisor.
  Service service() const;
  // create_database makes the database gatetape when there is none.
  absl::Status create_database() const;
  // owner_conninfo names the superuser of this cluster and a database.
  std::string owner_conninfo(const std::string& database) const;

 private:
  Cluster(const StateDir& state, std::string programs)
      : state_(state), programs_(std::move(programs)) {}
  StateDir state_;
  std::string programs_;  // folder of initdb and postgres
};

// migrations_folder gives the migrations of this program: GATETAPE_MIGRATIONS, else those of the
// build tree or of the installation that it is in. NOT_FOUND when there are none.
absl::StatusOr<std::string> migrations_folder();
// program_folder gives the folder of the running program.
std::string program_folder();

}  // namespace gatetape::tools
