#include "tools/stack/cluster.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/db/db.h"
#include "tools/stack/give.h"

namespace gatetape::tools {
namespace {

constexpr char kPrograms[] = "/usr/lib/postgresql";
constexpr int kOldestVersion = 15;
constexpr char kSocketFolder[] = "run/db";
constexpr char kSocketName[] = ".s.PGSQL.5432";

// socket_mode returns the mode of the socket. When several accounts connect, its folder lets in the
// group of the stack, and pg_ident.conf decides.
const char* socket_mode(const StateDir& state) { return state.accounts ? "0777" : "0700"; }

// shared_buffers_mib returns an eighth of the machine's memory, at least 64 and at most 1024 MiB.
int64_t shared_buffers_mib() {
  const int64_t bytes = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGE_SIZE);
  return std::clamp<int64_t>(bytes / 8 / (1 << 20), 64, 1024);
}

std::string settings(const StateDir& state) {
  return absl::StrCat(
      "# Written by `gatetape up` when it made this cluster. You may change it.\n"
      "listen_addresses = ''\n"
      "port = 5432\n"
      "unix_socket_directories = '",
      state.file(kSocketFolder),
      "'\n"
      "unix_socket_permissions = ",
      socket_mode(state),
      "\n"
      "# A frame is released when it is committed, so these three must stay on.\n"
      "fsync = on\n"
      "full_page_writes = on\n"
      "synchronous_commit = on\n"
      "max_wal_size = 4GB\n"
      "checkpoint_timeout = 15min\n"
      "wal_compression = lz4\n"
      "shared_buffers = ",
      shared_buffers_mib(),
      "MB\n"
      "timezone = 'UTC'\n"
      "log_timezone = 'UTC'\n"
      "log_line_prefix = '%m [%p] %u '\n");
}

struct SettingsFile {
  std::string path;
  std::string text;
  std::ios::openmode mode = std::ios::trunc;
};

bool write_file(const SettingsFile& wanted) {
  std::ofstream file(wanted.path, wanted.mode);
  file << wanted.text;
  file.close();
  return file.good();
}

// ident_map returns pg_ident.conf: which account may connect as which role. The kernel says who
// connects (peer authentication). With an account for each daemon, each is one role, and the
// gateway is none.
std::string ident_map(const StateDir& state) {
  std::string map = "# Each start of `gatetape up` writes this file again.\n";
  const auto add = [&map](const std::string& account, const char* role) {
    absl::StrAppend(&map, "gatetape ", account, " ", role, "\n");
  };
  const std::pair<const char*, const char*> kRoles[] = {{"postgres", "gatetape_owner"},
                                                        {"recorder", "gatetape_recorder"},
                                                        {"auditd", "gatetape_auditd"},
                                                        {"auditd", "gatetape_sealer"}};
  for (const auto& [service, role] : kRoles) {
    add(state.account_of(service).value_or(state.owner).name, role);
    add("root", role);
  }
  return map;
}

bool write_map(const std::string& data, const StateDir& state) {
  return write_file({.path = data + "/pg_ident.conf", .text = ident_map(state)});
}

// write_settings writes the configuration files of a new cluster.
bool write_settings(const std::string& data, const StateDir& state) {
  return write_file({.path = data + "/gatetape.conf", .text = settings(state)}) &&
         write_file({.path = data + "/postgresql.conf",
                     .text = "\ninclude 'gatetape.conf'\n",
                     .mode = std::ios::app}) &&
         write_file({.path = data + "/pg_hba.conf", .text = "local all all peer map=gatetape\n"}) &&
         write_map(data, state);
}

}  // namespace

absl::StatusOr<Cluster> Cluster::find(const StateDir& state) {
  std::string wanted;
  std::ifstream(state.file("pg/PG_VERSION")) >> wanted;
  int best = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kPrograms, error)) {
    int version = 0;
    const std::string name = entry.path().filename().string();
    if (!absl::SimpleAtoi(name, &version) || !std::filesystem::exists(entry.path() / "bin/initdb"))
      continue;
    if (wanted.empty() ? version >= kOldestVersion : name == wanted) best = std::max(best, version);
  }
  if (best == 0)
    return absl::NotFoundError(
        absl::StrCat("PostgreSQL ", wanted.empty() ? "15 or later" : wanted,
                     " is not installed: run apt-get install postgresql-15"));
  return Cluster(state, absl::StrCat(kPrograms, "/", best, "/bin"));
}

bool Cluster::exists() const { return std::filesystem::exists(state_.file("pg/PG_VERSION")); }

absl::Status Cluster::create() const {
  const std::string part = state_.file("pg.part");
  std::error_code error;
  std::filesystem::remove_all(part, error);
  const std::optional<RunUser> account = state_.account_of("postgres");
  if (absl::Status status = state_.make_folder("pg.part"); !status.ok()) return status;
  if (account) {
    const absl::Status given = give_folder(part, {.uid = account->uid, .gid = account->gid}, 0700);
    if (!given.ok()) return given;
  }
  ProcessSpec spec;
  spec.argv = {programs_ + "/initdb", "--pgdata=" + part, "--username=gatetape_owner",
               "--auth=peer",         "--encoding=UTF8",  "--locale=C.UTF-8",
               "--data-checksums"};
  spec.user = account;
  const absl::StatusOr<ProcessOutput> made = run_process(spec, 300000);
  if (!made.ok()) return made.status();
  if (made->exit_code != 0) return absl::InternalError("initdb: " + made->errors);
  {
    const ActingAs as_owner(account);
    if (!write_settings(part, state_))
      return absl::UnavailableError("cannot write " + part +
                                    ": check the free space and the permissions of the folder");
  }
  const ActingAs as_owner(state_.drop_to);
  std::filesystem::rename(part, state_.file("pg"), error);
  if (error) return absl::UnavailableError(state_.file("pg") + ": " + error.message());
  return absl::OkStatus();
}

// gatetape.toml of a stack that an older version made looks for the socket in DIR/run.
absl::Status Cluster::link_old_socket() const {
  std::ifstream file(state_.file("pg/gatetape.conf"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.find(state_.file(kSocketFolder)) != std::string::npos) return absl::OkStatus();
  const ActingAs as_owner(state_.drop_to);
  const std::string old = state_.file("run/" + std::string(kSocketName));
  unlink(old.c_str());
  if (symlink(absl::StrCat("db/", kSocketName).c_str(), old.c_str()) == 0) return absl::OkStatus();
  return absl::UnavailableError(old + ": " + std::strerror(errno));
}

absl::Status Cluster::update() const {
  if (absl::Status status = link_old_socket(); !status.ok()) return status;
  const ActingAs as_owner(state_.account_of("postgres"));
  if (write_map(state_.file("pg"), state_)) return absl::OkStatus();
  return absl::UnavailableError("cannot write " + state_.file("pg/pg_ident.conf"));
}

Service Cluster::service() const {
  Service service;
  service.name = "postgres";
  // A cluster of an older version has another folder and other permissions in its settings.
  service.spec.argv = {programs_ + "/postgres",
                       "-D",
                       state_.file("pg"),
                       "-c",
                       "unix_socket_directories=" + state_.file(kSocketFolder),
                       "-c",
                       absl::StrCat("unix_socket_permissions=", socket_mode(state_))};
  service.spec.user = state_.account_of("postgres");
  service.spec.log_file = state_.file("log/postgres.log");
  service.spec.parent_opens_log = state_.accounts.has_value();
  service.spec.death_signal = SIGINT;
  service.stop_signal = SIGINT;  // fast shutdown: it disconnects the clients and loses no data
  service.stop_grace_ms = 120000;
  service.reloads = true;
  return service;
}

std::string Cluster::owner_conninfo(const std::string& database) const {
  return "host=" + state_.file(kSocketFolder) + " port=5432 dbname=" + database +
         " user=gatetape_owner";
}

absl::Status Cluster::create_database() const {
  absl::StatusOr<std::unique_ptr<Db>> db = Db::open({.conninfo = owner_conninfo("postgres")});
  if (!db.ok()) return db.status();
  const absl::StatusOr<DbRows> found =
      (*db)->query("select from pg_database where datname = 'gatetape'");
  if (!found.ok()) return found.status();
  if (found->size() > 0) return absl::OkStatus();
  return (*db)->run_script("create database gatetape");
}

absl::StatusOr<std::string> migrations_folder() {
  if (const char* given = std::getenv("GATETAPE_MIGRATIONS")) return std::string(given);
  const std::filesystem::path here = program_folder();
  for (const char* relative : {"../../../migrations", "../share/gatetape/migrations"}) {
    const std::filesystem::path folder = (here / relative).lexically_normal();
    if (std::filesystem::is_directory(folder)) return folder.string();
  }
  return absl::NotFoundError("no migrations near " + here.string() +
                             ": name their folder with GATETAPE_MIGRATIONS");
}

std::string program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

}  // namespace gatetape::tools
