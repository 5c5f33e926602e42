#include "tools/cli/verb_certs.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "base/os/fd.h"
#include "base/os/tls_files.h"
#include "tools/cli/x509.h"
#include "tools/stack/state_dir.h"

namespace gatetape::tools {
namespace {

constexpr int64_t kCaDays = 3650;

struct CertsOptions {
  std::string out;
  std::vector<std::string> hosts;
};

// Folder is the folder of the files. It is held open, so that nobody can put another folder in its
// place. Files that root makes there belong to the owner of the folder around it. In the folder of
// a stack whose daemons have an account each, the files of a daemon belong to its account.
struct Folder {
  std::string path;
  Fd fd;
  uid_t uid = 0;
  gid_t gid = 0;
  bool is_shared = false;  // by the accounts of the daemons
};

// Wanted is a file that is to be made, and the daemon that uses it; nothing for the CA.
struct Wanted {
  StackFile file;
  std::optional<PeerRole> role;
};

uid_t owner_of(const Folder& folder, const std::optional<PeerRole>& role) {
  if (!folder.is_shared || !role) return folder.uid;
  const absl::StatusOr<RunUser> account = RunUser::find(role_account(*role));
  return account.ok() ? account->uid : folder.uid;
}

absl::Status failed(const std::string& path) {
  return absl::UnavailableError(path + ": " + std::strerror(errno));
}

// hand_over gives a file that root made to its owner; it does nothing for other users. It returns
// false when that failed.
bool hand_over(const Fd& fd, const Folder& folder, const std::optional<PeerRole>& role) {
  return geteuid() != 0 || fchown(fd.get(), owner_of(folder, role), folder.gid) == 0;
}

bool is_group_of_stacks(gid_t gid) {
  const group* entry = getgrnam(kStackGroup);
  return entry != nullptr && entry->gr_gid == gid;
}

absl::StatusOr<Folder> open_folder(const std::string& path) {
  const bool is_new = mkdir(path.c_str(), 0700) == 0;
  if (!is_new && errno != EEXIST) return failed(path);
  Folder folder;
  folder.path = path;
  folder.fd = Fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat around {};
  if (folder.fd.get() < 0 || fstatat(folder.fd.get(), "..", &around, 0) != 0) return failed(path);
  folder.uid = around.st_uid;
  folder.gid = around.st_gid;
  folder.is_shared = geteuid() == 0 && folder.uid == 0 && is_group_of_stacks(folder.gid);
  if (is_new && !hand_over(folder.fd, folder, std::nullopt)) return failed(path);
  if (is_new && folder.is_shared && fchmod(folder.fd.get(), 0750) != 0) return failed(path);
  return folder;
}

// write_once writes a file that must not exist.
absl::Status write_once(const Folder& folder, const Wanted& wanted) {
  const auto& [name, text, mode] = wanted.file;
  const std::string path = folder.path + "/" + name;
  const Fd fd(openat(folder.fd.get(), name.c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (fd.get() < 0 && errno == EEXIST)
    return absl::AlreadyExistsError(path + " exists and is kept: remove it to have a new one made");
  const bool ok = fd.get() >= 0 &&
                  write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                  hand_over(fd, folder, wanted.role) && fsync(fd.get()) == 0;
  return ok ? absl::OkStatus() : failed(path);
}

absl::Status write_pair(const Folder& folder, const std::optional<PeerRole>& role,
                        const Certificate& certificate) {
  const std::string name(role ? role_name(*role) : "ca");
  absl::Status status = write_once(
      folder,
      {.file = {.name = name + ".key", .text = certificate.key_pem(), .mode = 0600}, .role = role});
  if (status.ok())
    status = write_once(
        folder,
        {.file = {.name = name + ".pem", .text = certificate.certificate_pem(), .mode = 0644},
         .role = role});
  if (status.ok()) std::printf("%s/%s.pem\n", folder.path.c_str(), name.c_str());
  return status;
}

absl::StatusOr<Certificate> find_or_make_ca(const Folder& folder) {
  const std::string base = folder.path + "/ca";
  const bool has_key = access((base + ".key").c_str(), F_OK) == 0;
  const bool has_certificate = access((base + ".pem").c_str(), F_OK) == 0;
  if (has_key != has_certificate)
    return absl::FailedPreconditionError(base + (has_key ? ".pem" : ".key") +
                                         " is missing: restore it while the CA signs, or remove " +
                                         folder.path + " to have a new CA made");
  if (has_key) return Certificate::load({.certificate = base + ".pem", .key = base + ".key"});
  const Certificate made = Certificate::make_ca("gatetape private CA", kCaDays);
  if (absl::Status status = write_pair(folder, std::nullopt, made); !status.ok()) return status;
  return made;
}

// kept_line returns what is said about a certificate that is there. One that was made before
// certificates had roles is useless to its daemon.
std::string kept_line(const std::string& file, PeerRole role) {
  const absl::StatusOr<PeerRole> found = read_tls_role(file);
  if (found.ok() && *found == role) return file + " exists and is kept";
  return file + " exists and is kept, but its peers will refuse it, because it does not have the " +
         "role " + role_uri(role) + ": remove it and its key to have a new one made";
}

absl::Status make_certs(const CertsOptions& options, const client::Context& context) {
  const absl::StatusOr<Folder> folder =
      open_folder(options.out.empty() ? context.dir + "/tls" : options.out);
  if (!folder.ok()) return folder.status();
  std::vector<PeerRole> missing;
  for (const PeerRole role : {PeerRole::kGateway, PeerRole::kRecorder, PeerRole::kAuditd}) {
    const std::string file = folder->path + "/" + std::string(role_name(role)) + ".pem";
    if (access(file.c_str(), F_OK) == 0)
      std::fprintf(stderr, "%s\n", kept_line(file, role).c_str());
    else
      missing.push_back(role);
  }
  if (missing.empty()) return absl::OkStatus();
  const absl::StatusOr<Certificate> ca = find_or_make_ca(*folder);
  if (!ca.ok()) return ca.status();
  for (const PeerRole role : missing) {
    CertificateWish wish;
    wish.common_name = "gatetape " + std::string(role_name(role));
    wish.uri = role_uri(role);
    wish.hosts = options.hosts;
    const absl::StatusOr<Certificate> leaf = ca->sign(wish);
    if (!leaf.ok()) return leaf.status();
    if (absl::Status status = write_pair(*folder, role, *leaf); !status.ok()) return status;
  }
  std::fprintf(stderr, "Keep %s/ca.key off the machines that run daemons.\n", folder->path.c_str());
  return absl::OkStatus();
}

}  // namespace

void add_certs(CLI::App& app, client::Context& context) {
  auto options = std::make_shared<CertsOptions>();  // owned by the parser and the callback together
  options->hosts = {"localhost"};
  CLI::App* verb = app.add_subcommand("certs", "make a private CA and certificates for [tls]");
  verb->add_option("--host", options->hosts, "name or address under which the daemons are reached");
  verb->add_option("--out", options->out, "folder to write to (default DIR/tls)");
  verb->callback([options, &context] { context.fail(make_certs(*options, context)); });
}

}  // namespace gatetape::tools
