#include "tools/cli/verb_migrate.h"

#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/db/db.h"
#include "base/db/migrate.h"
#include "tools/stack/cluster.h"

namespace gatetape::tools {
namespace {

// own_database returns the conninfo of the stack in --dir, as the owner of its private cluster.
std::string own_database(const client::Context& context) {
  const std::string dir = std::filesystem::absolute(context.dir).lexically_normal().string();
  return "host=" + dir + "/run port=5432 dbname=gatetape user=gatetape_owner";
}

absl::Status run_migrate(const std::string& database, const client::Context& context) {
  const absl::StatusOr<std::string> folder = migrations_folder();
  if (!folder.ok()) return folder.status();
  absl::StatusOr<std::unique_ptr<Db>> db =
      Db::open({.conninfo = database.empty() ? own_database(context) : database,
                .timeout_s = kMigrationTimeoutS});
  if (!db.ok()) return db.status();
  const absl::StatusOr<MigrationResult> result = migrate(**db, *folder);
  if (!result.ok()) return result.status();
  for (const std::string& name : result->applied) std::printf("applied %s\n", name.c_str());
  std::fprintf(stderr, "the database is at migration %u\n", result->newest);
  return absl::OkStatus();
}

}  // namespace

void add_migrate(CLI::App& app, client::Context& context) {
  auto database = std::make_shared<std::string>();  // owned by the parser and the callback together
  CLI::App* verb = app.add_subcommand("migrate", "bring a database to this program's schema");
  verb->add_option("--database", *database,
                   "libpq conninfo of the owner (default: the stack's own database)");
  verb->callback([database, &context] { context.fail(run_migrate(*database, context)); });
}

}  // namespace gatetape::tools
