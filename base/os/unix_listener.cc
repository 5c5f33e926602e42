#include "base/os/unix_listener.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "base/check.h"

namespace gatetape {
namespace {

constexpr char kUidProperty[] = "gatetape_peer_uid";
constexpr char kAccountProperty[] = "gatetape_peer_account";

// UidProcessor writes the uid of the peer and its account into the auth context of each call, where
// peer_uid() and peer_account() find them.
class UidProcessor : public grpc::AuthMetadataProcessor {
 public:
  UidProcessor(uid_t uid, std::string account)
      : uid_(std::to_string(uid)), account_(std::move(account)) {}
  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata&, grpc::AuthContext* context, OutputMetadata*,
                       OutputMetadata*) override {
    // All calls of a connection share one context, and gRPC may start them on several threads.
    absl::MutexLock lock(&mutex_);
    if (!context->FindPropertyValues(kUidProperty).empty()) return grpc::Status::OK;
    context->AddProperty(kUidProperty, uid_);
    context->AddProperty(kAccountProperty, account_);
    return grpc::Status::OK;
  }

 private:
  const std::string uid_;
  const std::string account_;
  absl::Mutex mutex_;
};

std::string account_of(uid_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry == nullptr ? std::to_string(uid) : entry->pw_name;
}

std::string property_of(const grpc::ServerContext& context, const char* name) {
  const auto values = context.auth_context()->FindPropertyValues(name);
  return values.empty() ? std::string() : std::string(values[0].data(), values[0].size());
}

absl::Status failed(const std::string& what, const std::string& path) {
  return absl::UnavailableError("cannot " + what + " " + path + ": " + std::strerror(errno));
}

absl::StatusOr<int> take_lock(const std::string& path) {
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failed("open", path);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  absl::Status status =
      errno == EWOULDBLOCK
          ? absl::AlreadyExistsError(path + " is locked; another instance is already running")
          : failed("lock", path);
  ::close(fd);
  return status;
}

absl::StatusOr<int> bind_and_listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return absl::InvalidArgumentError("a socket path has at most 107 bytes: " + path);
  path.copy(address.sun_path, path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed("make a socket for", path);
  ::unlink(path.c_str());  // safe: the lock of this path is held
  // No client can connect between bind and listen, so that the mode is in force for every client.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      chmod(path.c_str(), 0660) == 0 && listen(fd, 128) == 0)
    return fd;
  absl::Status status = failed("listen on", path);
  ::close(fd);
  return status;
}

}  // namespace

absl::StatusOr<std::vector<uid_t>> user_ids(const std::vector<std::string>& users) {
  std::vector<uid_t> ids = {0, geteuid()};
  for (const std::string& user : users) {
    const passwd* entry = getpwnam(user.c_str());
    if (entry == nullptr) return absl::NotFoundError("allowed_users: there is no user " + user);
    ids.push_back(entry->pw_uid);
  }
  return ids;
}

std::vector<uid_t> daemon_ids(const std::vector<PeerRole>& roles) {
  std::vector<uid_t> ids;
  for (const PeerRole role : roles) {
    const passwd* entry = getpwnam(role_account(role).c_str());
    if (entry != nullptr) ids.push_back(entry->pw_uid);
  }
  return ids;
}

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::open(
    const std::string& path, const std::vector<uid_t>& allowed_uids) {
  absl::StatusOr<int> lock_fd = take_lock(path + ".lock");
  if (!lock_fd.ok()) return lock_fd.status();
  absl::StatusOr<int> listen_fd = bind_and_listen(path);
  if (!listen_fd.ok()) {
    ::close(*lock_fd);
    return listen_fd.status();
  }
  const int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CHECK(stop_fd >= 0, errno);
  std::unique_ptr<UnixListener> listener(new UnixListener(path, *lock_fd, *listen_fd, stop_fd));
  for (uid_t uid : allowed_uids) listener->acceptors_[uid] = nullptr;
  return listener;
}

UnixListener::UnixListener(std::string path, int lock_fd, int listen_fd, int stop_fd)
    : path_(std::move(path)), lock_fd_(lock_fd), listen_fd_(listen_fd), stop_fd_(stop_fd) {}

UnixListener::~UnixListener() {
  close();
  ::close(stop_fd_);
}

void UnixListener::attach(grpc::ServerBuilder* builder) {
  for (auto& [uid, acceptor] : acceptors_) {
    auto credentials = grpc::experimental::LocalServerCredentials(UDS);
    credentials->SetAuthMetadataProcessor(std::make_shared<UidProcessor>(uid, account_of(uid)));
    acceptor = builder->experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
  }
}

void UnixListener::start() {
  CHECK(!thread_.joinable(), path_);
  thread_ = std::thread([this] { accept_loop(); });
}

void UnixListener::close() {
  if (listen_fd_ < 0) return;
  const uint64_t one = 1;
  CHECK(write(stop_fd_, &one, sizeof(one)) == sizeof(one), errno);
  if (thread_.joinable()) thread_.join();
  ::close(listen_fd_);
  listen_fd_ = -1;
  ::unlink(path_.c_str());
  ::close(lock_fd_);  // last: another daemon may use the path from now on
}

void UnixListener::accept_loop() {
  pollfd fds[2] = {{stop_fd_, POLLIN, 0}, {listen_fd_, POLLIN, 0}};
  while (true) {
    if (poll(fds, 2, -1) < 0) continue;  // EINTR
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) accept_one();
  }
}

void UnixListener::accept_one() {
  const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    // The process has no free descriptor. The client stays in the queue of the socket; waiting 100
    // ms avoids a busy loop.
    pollfd stop = {stop_fd_, POLLIN, 0};
    if (errno == EMFILE || errno == ENFILE) poll(&stop, 1, 100);
    return;
  }
  ucred peer{};
  socklen_t length = sizeof(peer);
  const bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
  const auto acceptor = known ? acceptors_.find(peer.uid) : acceptors_.end();
  if (acceptor == acceptors_.end()) {
    ::close(fd);
    return;
  }
  Acceptor::NewConnectionParameters parameters;
  parameters.listener_fd = listen_fd_;
  parameters.fd = fd;
  acceptor->second->HandleNewConnection(&parameters);
}

std::string peer_uid(const grpc::ServerContext& context) {
  const std::string uid = property_of(context, kUidProperty);
  return "uid " + (uid.empty() ? "?" : uid);
}

std::string peer_account(const grpc::ServerContext& context) {
  return property_of(context, kAccountProperty);
}

}  // namespace gatetape
