#include "tools/stack/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "absl/strings/str_replace.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/crypto.h"
#include "base/os/replace_file.h"
#include "formats/openssh_key.h"
#include "policy/config.h"
#include "tools/stack/give.h"

namespace gatetape::tools {
namespace {

absl::Status failed(const std::string& path) {
  return absl::UnavailableError(path + ": " + std::strerror(errno));
}

// KeyFile is a key of a stack. A key that signs the record has no comment, and its .pub file has
// our own form; the others have OpenSSH's form with the comment.
struct KeyFile {
  const char* name;
  const char* comment;
  const char* daemon;  // that uses the key
};
constexpr KeyFile kKeyFiles[] = {{"gateway_host", "gatetape gateway", "gateway"},
                                 {"user_ca", "gatetape user CA", "gateway"},
                                 {"host_ca", "gatetape host CA", "gateway"},
                                 {"gateway_sign", nullptr, "gateway"},
                                 {"recorder_sign", nullptr, "recorder"},
                                 {"auditd_sign", nullptr, "auditd"},
                                 {"log_sign", nullptr, "auditd"}};

// The parts of gatetape.toml that differ from stack to stack stand between @.
constexpr char kConfig[] =
    R"(# gatetape: one gateway, recorder and auditd on this machine. See gatetape.toml(5).
# Relative paths are relative to this file's folder. `gatetape up` reads it at every start.

# name = "gw1"        # this gateway's name in the record; default: the host name
# log_level = "info"  # debug, info, warn, error

[gateway]
listen = ["@LISTEN@"]
# A database that is older than what the gateway has seen of this log is refused:
log_keys = ["keys/log.vkey"]
# access_file = "access.toml"   # who may reach what; SIGHUP reads it again
# freeze_timeout_s = 30         # sessions end when the recorder is gone for so long
# metrics_listen = "127.0.0.1:9464"   # for Prometheus; recorder and auditd have one too

[recorder]
database = "host=@DIR@/run/db port=5432 dbname=gatetape user=gatetape_recorder@PEER@"

[auditd]
database = "host=@DIR@/run/db port=5432 dbname=gatetape user=gatetape_auditd@PEER@"
log_database = "host=@DIR@/run/db port=5432 dbname=gatetape user=gatetape_sealer@PEER@"
# Whose signatures count when the record is verified:
writer_keys = ["keys/gateway_sign.pub", "keys/auditd_sign.pub"]
recorder_keys = ["keys/recorder_sign.pub"]

[log]
# The log has this name for ever: checkpoints and keys/log.vkey hold it.
origin = "@ORIGIN@"
# publish_dir = "published"     # checkpoints and tiles, for any web server
)";

constexpr char kAccess[] =
    R"(# Who may reach what, as whom. What is not written here is not allowed. See access.toml(5).
# Send SIGHUP to `gatetape up` (or gatetape-gateway) after a change; a file with an error is
# refused and the old one stays in force.

# [[user]]
# name = "alice"
# keys = ["ssh-ed25519 AAAA... alice@laptop"]   # the line of her .pub file
# roles = ["sre"]

# [[target]]
# name = "db1"
# address = "10.2.2.7:22"
# labels = { env = "prod" }
# host_keys = ["ssh-ed25519 AAAA..."]           # `gatetape hosts scan 10.2.2.7:22` prints them

# [[role]]
# name = "sre"
# targets = ["db*", "env=prod", "10.2.2.0/24:22"]
# logins = ["deploy"]
# allow = ["shell", "exec", "sftp"]
)";

// write_as_owner writes a file below a folder. The process must already act as the owner.
absl::Status write_as_owner(const std::string& folder, const StackFile& wanted) {
  const std::string path = folder + "/" + wanted.name;
  const absl::Status status = replace_file(path, wanted.mode, [&wanted](std::FILE* out) {
    std::fwrite(wanted.text.data(), 1, wanted.text.size(), out);  // replace_file sees a failure
    return absl::OkStatus();
  });
  return status.ok() ? status : absl::UnavailableError(status.message());
}

// closed_to returns the first folder on the way to `path` that the account cannot enter, or an
// empty text.
std::string closed_to(const std::optional<RunUser>& account, const std::string& path) {
  const ActingAs as_account(account);
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (faccessat(AT_FDCWD, folder.c_str(), X_OK, AT_EACCESS) != 0) return folder;
    if (slash == std::string::npos) return {};
  }
}

// previous_owner returns whether `up` of an older version, started by root, ran stacks as this
// user.
bool is_previous_owner(uid_t uid) {
  for (const char* name : {"gatetape", "postgres"}) {
    const absl::StatusOr<RunUser> user = RunUser::find(name);
    if (user.ok() && user->uid == uid) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<StateDir> StateDir::choose(const StateDirChoice& choice) {
  const std::string& user = choice.user;
  StateDir state;
  state.path = std::filesystem::absolute(choice.dir).lexically_normal().string();
  while (state.path.size() > 1 && state.path.ends_with('/')) state.path.pop_back();
  if (state.path.find_first_of("'\"\\ \n") != std::string::npos)
    return absl::InvalidArgumentError("--dir " + printable(state.path) +
                                      ": choose a path without spaces, quotes and backslashes");
  if (geteuid() != 0) {
    state.owner = RunUser::current();
    if (user.empty() || user == state.owner.name) return state;
    return absl::InvalidArgumentError("only root can use --user " + user);
  }
  if (user.empty()) {
    absl::StatusOr<Accounts> accounts = Accounts::find_or_make();
    if (!accounts.ok()) return accounts.status();
    state.owner = {.name = "root", .home = "/root", .uid = 0, .gid = accounts->gateway.gid};
    state.drop_to = state.owner;
    state.accounts = *std::move(accounts);
    return state;
  }
  const absl::StatusOr<RunUser> found = RunUser::find(user);
  if (!found.ok() || found->uid == 0)
    return absl::InvalidArgumentError("--user " + user +
                                      ": the daemons need an existing unprivileged account");
  state.owner = *found;
  state.drop_to = *found;
  return state;
}

absl::Status StateDir::make() const {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return absl::UnavailableError(path + ": " + error.message());
  const bool is_new = mkdir(path.c_str(), 0700) == 0;
  if (!is_new && errno != EEXIST) return failed(path);
  if (absl::Status status = is_new ? hand_over(path) : take_over(); !status.ok()) return status;
  if (absl::Status status = check_reachable(); !status.ok()) return status;
  for (const char* name : {"run", "log", "keys"})
    if (absl::Status status = make_folder(name); !status.ok()) return status;
  return make_run_folders();
}

absl::Status StateDir::check_reachable() const {
  for (const char* service : {"postgres", "recorder", "auditd", "gateway"}) {
    const std::optional<RunUser> account = account_of(service);
    const std::string closed = closed_to(account, path);
    if (closed.empty()) continue;
    return absl::PermissionDeniedError("user " + (account ? account->name : owner.name) +
                                       " cannot enter " + closed + ": run `chmod o+x " + closed +
                                       "`, or choose another --dir");
  }
  return absl::OkStatus();
}

// Each socket lies in a folder that only its daemon writes, so that no other daemon can listen in
// its place.
absl::Status StateDir::make_run_folders() const {
  const std::pair<const char*, const char*> kFolders[] = {{"run/db", "postgres"},
                                                          {"run/recorder", "recorder"},
                                                          {"run/auditd", "auditd"},
                                                          {"gateway", "gateway"},
                                                          {"published", "auditd"}};
  for (const auto& [folder, service] : kFolders) {
    const bool is_published = std::string_view(folder) == "published";
    if (!accounts && (is_published || std::string_view(service) == "gateway")) continue;
    if (absl::Status status = make_folder(folder); !status.ok()) return status;
    const std::optional<RunUser> account = account_of(service);
    if (!accounts || !account) continue;
    // Whoever serves the published log reads it as another account.
    const absl::Status given = give_folder(file(folder), {.uid = account->uid, .gid = account->gid},
                                           is_published ? 0755 : folder_mode());
    if (!given.ok()) return given;
  }
  return absl::OkStatus();
}

std::optional<RunUser> StateDir::account_of(const std::string& service) const {
  if (!accounts) return drop_to;
  if (service == "gateway") return accounts->gateway;
  if (service == "recorder") return accounts->recorder;
  if (service == "auditd") return accounts->auditd;
  CHECK(service == "postgres", service);
  return accounts->database;
}

absl::Status StateDir::make_folder(const std::string& name) const {
  const std::string folder = file(name);
  {
    const ActingAs as_owner(drop_to);
    if (mkdir(folder.c_str(), folder_mode()) != 0 && errno != EEXIST) return failed(folder);
  }
  struct stat info {};
  if (lstat(folder.c_str(), &info) != 0) return failed(folder);
  if (accounts) return absl::OkStatus();
  // Older versions left folders of root here, and the owner of the stack cannot make one of root.
  return S_ISDIR(info.st_mode) && info.st_uid == 0 ? hand_over(folder) : absl::OkStatus();
}

absl::Status StateDir::hand_over(const std::string& folder) const {
  if (!drop_to) return absl::OkStatus();
  return give_folder(folder, {.uid = owner.uid, .gid = owner.gid}, folder_mode());
}

// A folder that holds something else is refused, because a mistake in --dir would change its owner.
absl::Status StateDir::take_over() const {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return failed(path);
  bool is_stack = false;
  std::string foreign;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    is_stack = is_stack || name == "gatetape.toml" || name == "up.lock";
    static const std::set<std::string> kKnown = {
        "access.toml", "access.toml.good", "tls",       "run",       "log",
        "keys",        "gateway",          "published", "lost+found"};
    const bool is_known = kKnown.contains(name);
    if (!is_known) foreign = name;
  }
  if (error) return absl::UnavailableError(path + ": " + error.message());
  if (!is_stack && !foreign.empty())
    return absl::FailedPreconditionError(path + " holds " + printable(foreign) +
                                         " and no stack; choose another --dir");
  if (accounts && is_stack && is_previous_owner(info.st_uid)) return take_from(info.st_uid);
  if (info.st_uid == owner.uid) return accounts ? hand_over(path) : absl::OkStatus();
  if (info.st_uid == geteuid() && !is_stack) return hand_over(path);
  return absl::PermissionDeniedError(path + " is not " + owner.name +
                                     "'s; choose another --dir or --user");
}

// Another `up` of the previous owner must not run: its PostgreSQL would lose its files.
absl::Status StateDir::take_from(uid_t previous) const {
  if (const absl::StatusOr<Fd> alone = lock(); !alone.ok()) return alone.status();
  const Owner root = {.uid = owner.uid, .gid = owner.gid};
  if (absl::Status status = hand_over(path); !status.ok()) return status;
  const std::pair<const char*, Owner> kParts[] = {
      {"pg", {.uid = accounts->database.uid, .gid = accounts->database.gid}},
      {"keys", {.uid = accounts->gateway.uid, .gid = accounts->gateway.gid}},
      {"tls", {.uid = accounts->gateway.uid, .gid = accounts->gateway.gid}},
      {"run", root},
      {"log", root},
      {"demo", root}};
  for (const auto& [name, to] : kParts) {
    if (!std::filesystem::exists(file(name))) continue;
    if (absl::Status status = give_tree(file(name), previous, to); !status.ok()) return status;
  }
  for (const char* name : {"run", "log", "keys", "tls"}) {
    if (!std::filesystem::exists(file(name))) continue;
    if (absl::Status status = hand_over(file(name)); !status.ok()) return status;
  }
  for (const char* name : {"gatetape.toml", "access.toml", "up.lock"}) {
    if (!std::filesystem::exists(file(name))) continue;
    if (absl::Status status = give_file(file(name), root); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Fd> StateDir::lock() const {
  const std::string name = file("up.lock");
  Fd fd(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return failed(name);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  return absl::AlreadyExistsError("`gatetape up` already runs on " + path +
                                  "; stop it first, or choose another --dir");
}

absl::Status StateDir::make_keys() const {
  const ActingAs as_owner(drop_to);
  for (const KeyFile& entry : kKeyFiles) {
    const std::string base = file("keys/" + std::string(entry.name));
    absl::StatusOr<SigningKey> key = SigningKey::load(base + ".pem");
    if (absl::IsNotFound(key.status())) {
      // A new key in place of a lost one would not verify old signatures, and nobody trusts it.
      if (std::filesystem::exists(base + ".pub"))
        return absl::FailedPreconditionError(base + ".pem is missing: restore it, or remove " +
                                             base + ".pub too for a new key");
      key = SigningKey::generate();
      if (absl::Status status = key->save(base + ".pem"); !status.ok()) return status;
    }
    if (!key.ok()) return key.status();
    if (accounts) {
      const RunUser account = *account_of(entry.daemon);
      const Owner to = {.uid = account.uid, .gid = account.gid};
      if (absl::Status status = give_file(base + ".pem", to); !status.ok()) return status;
    }
    const std::string line = entry.comment == nullptr
                                 ? key->public_key().to_text()
                                 : openssh_line(key->public_key(), entry.comment);
    if (std::filesystem::exists(base + ".pub")) continue;
    absl::Status status = write_as_owner(
        path,
        {.name = "keys/" + std::string(entry.name) + ".pub", .text = line + "\n", .mode = 0644});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status StateDir::write_config(const std::string& listen) const {
  const std::string peer = accounts ? " requirepeer=" + accounts->database.name : "";
  // The default is made of the name of this host, which may change.
  const absl::StatusOr<Config> defaults = Config::parse("", file("gatetape.toml"));
  if (!defaults.ok()) return defaults.status();
  return write_new({.name = "gatetape.toml",
                    .text = absl::StrReplaceAll(kConfig, {{"@LISTEN@", listen},
                                                          {"@DIR@", path},
                                                          {"@PEER@", peer},
                                                          {"@ORIGIN@", defaults->log.origin}})});
}

absl::Status StateDir::write_access(const std::string& text) const {
  return write_new({.name = "access.toml", .text = text});
}

absl::Status StateDir::write_new(const StackFile& wanted) const {
  return std::filesystem::exists(file(wanted.name)) ? absl::OkStatus() : write_file(wanted);
}

absl::Status StateDir::write_file(const StackFile& wanted) const {
  const ActingAs as_owner(drop_to);
  return write_as_owner(path, wanted);
}

std::string example_access() { return kAccess; }

}  // namespace gatetape::tools
