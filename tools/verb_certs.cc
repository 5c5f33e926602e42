#include "tools/verb_certs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/fd.h"
#include "tools/x509.h"

namespace gatetape::tools {
namespace {

constexpr int64_t kCaDays = 3650;

struct CertsOptions {
  std::string out;
  std::vector<std::string> hosts;
};

// Writes a file that must not exist.
absl::Status write_once(const std::string& path, const std::string& text, mode_t mode) {
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (fd.get() < 0 && errno == EEXIST)
    return absl::AlreadyExistsError(path + " exists and is kept; remove it to have a new one");
  const bool ok = fd.get() >= 0 &&
                  write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                  fsync(fd.get()) == 0;
  return ok ? absl::OkStatus() : absl::UnavailableError(path + ": " + std::strerror(errno));
}

absl::Status write_pair(const std::string& base, const Certificate& certificate) {
  if (absl::Status status = write_once(base + ".key", certificate.key_pem(), 0600); !status.ok())
    return status;
  absl::Status status = write_once(base + ".pem", certificate.certificate_pem(), 0644);
  if (status.ok()) std::printf("%s.pem\n", base.c_str());
  return status;
}

absl::StatusOr<Certificate> find_or_make_ca(const std::string& base) {
  absl::StatusOr<Certificate> ca = Certificate::load(base + ".pem", base + ".key");
  if (!absl::IsNotFound(ca.status())) return ca;
  const Certificate made = Certificate::make_ca("gatetape private CA", kCaDays);
  if (absl::Status status = write_pair(base, made); !status.ok()) return status;
  return made;
}

absl::Status make_certs(const CertsOptions& options, const Context& context) {
  const std::string dir = options.out.empty() ? context.dir + "/tls" : options.out;
  if (mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST)
    return absl::UnavailableError(dir + ": " + std::strerror(errno));
  const absl::StatusOr<Certificate> ca = find_or_make_ca(dir + "/ca");
  if (!ca.ok()) return ca.status();
  for (const char* name : {"gateway", "recorder", "auditd"}) {
    const std::string base = dir + "/" + name;
    if (access((base + ".pem").c_str(), F_OK) == 0) {
      std::fprintf(stderr, "%s.pem exists and is kept\n", base.c_str());
      continue;
    }
    CertificateWish wish;
    wish.common_name = std::string("gatetape ") + name;
    wish.uri = std::string("spiffe://gatetape/") + name;
    wish.hosts = options.hosts;
    const absl::StatusOr<Certificate> leaf = ca->sign(wish);
    if (!leaf.ok()) return leaf.status();
    if (absl::Status status = write_pair(base, *leaf); !status.ok()) return status;
  }
  std::fprintf(stderr, "Keep %s/ca.key off the machines that run daemons.\n", dir.c_str());
  return absl::OkStatus();
}

}  // namespace

void add_certs(CLI::App& app, Context& context) {
  auto options = std::make_shared<CertsOptions>();  // shared by the parser and the callback
  options->hosts = {"localhost"};
  CLI::App* verb = app.add_subcommand("certs", "make a private CA and certificates for [tls]");
  verb->add_option("--host", options->hosts, "name or address that the daemons are reached by");
  verb->add_option("--out", options->out, "folder to write to; else DIR/tls");
  verb->callback([options, &context] { context.fail(make_certs(*options, context)); });
}

}  // namespace gatetape::tools
