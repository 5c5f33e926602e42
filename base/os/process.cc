#include "base/os/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/os/fd.h"

namespace gatetape {
namespace {

// Largest output that run_process keeps of one stream, in bytes.
constexpr size_t kOutputBytesMax = 16 << 20;

int64_t now_ms() { return system_clock().mono_ns() / 1'000'000; }

RunUser from_passwd(const passwd& entry) {
  return {entry.pw_name, entry.pw_dir, entry.pw_uid, entry.pw_gid};
}

// Prepared holds everything that the child needs. It is made before fork, because the child may
// make system calls only.
struct Prepared {
  std::vector<char*> argv;
  std::vector<std::string> environment_text;
  std::vector<char*> environment;
  std::string program;  // a path
  Fd program_fd;        // the same file, for an account that may not enter its folder
  Fd log;
  std::vector<gid_t> groups;
};

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "/usr/bin:/bin" : path;
  rest += ":/usr/sbin:/sbin";
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const std::string candidate = rest.substr(0, colon) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return name;
}

void prepare_environment(const ProcessSpec& spec, Prepared* prepared) {
  std::map<std::string, std::string> values = spec.environment;
  if (spec.user) {
    values.emplace("HOME", spec.user->home);
    values.emplace("USER", spec.user->name);
    values.emplace("LOGNAME", spec.user->name);
  }
  for (char** entry = environ; *entry != nullptr; entry++) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (name != "NOTIFY_SOCKET" && values.count(name) == 0)
      prepared->environment_text.push_back(text);
  }
  for (const auto& value : values)
    prepared->environment_text.push_back(value.first + "=" + value.second);
  for (std::string& text : prepared->environment_text) prepared->environment.push_back(text.data());
  prepared->environment.push_back(nullptr);
}

absl::Status prepare_log(const ProcessSpec& spec, Prepared* prepared) {
  if (spec.log_file.empty()) return absl::OkStatus();
  const ActingAs user(spec.parent_opens_log ? std::nullopt : spec.user);
  prepared->log =
      Fd(open(spec.log_file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640));
  if (prepared->log.get() < 0)
    return absl::UnavailableError(spec.log_file + ": " + std::strerror(errno));
  return absl::OkStatus();
}

absl::Status prepare(ProcessSpec& spec, Prepared* prepared) {
  CHECK(!spec.argv.empty());
  prepared->program = find_program(spec.argv[0]);
  prepared->program_fd = Fd(open(prepared->program.c_str(), O_PATH | O_CLOEXEC));
  if (prepared->program_fd.get() < 0)
    return absl::NotFoundError(spec.argv[0] + ": " + std::strerror(errno));
  for (std::string& word : spec.argv) prepared->argv.push_back(word.data());
  prepared->argv.push_back(nullptr);
  prepare_environment(spec, prepared);
  if (spec.user) {
    int count = 64;
    prepared->groups.resize(64);
    if (getgrouplist(spec.user->name.c_str(), spec.user->gid, prepared->groups.data(), &count) < 0)
      return absl::UnavailableError("user " + spec.user->name + " has too many groups");
    prepared->groups.resize(static_cast<size_t>(count));
  }
  return prepare_log(spec, prepared);
}

// redirect sets the three standard streams. Called in the child.
bool redirect(const ProcessSpec& spec, const Prepared& prepared) {
  if (spec.terminal_fd >= 0) {
    return dup2(spec.terminal_fd, 0) == 0 && dup2(spec.terminal_fd, 1) == 1 &&
           dup2(spec.terminal_fd, 2) == 2 && ioctl(0, TIOCSCTTY, 0) == 0;
  }
  const int input = spec.input_fd >= 0 ? spec.input_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int output = spec.output_fd >= 0 ? spec.output_fd : prepared.log.get();
  const int error = spec.error_fd >= 0 ? spec.error_fd : prepared.log.get();
  return dup2(input, 0) == 0 && (output < 0 || dup2(output, 1) == 1) &&
         (error < 0 || dup2(error, 2) == 2);
}

// raise_net_bind makes CAP_NET_BIND_SERVICE the only capability, and lets it survive exec.
bool raise_net_bind() {
  constexpr uint32_t kNetBind = 1U << CAP_NET_BIND_SERVICE;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct data[2] = {{kNetBind, kNetBind, kNetBind}, {0, 0, 0}};
  return syscall(SYS_capset, &header, data) == 0 &&
         prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) == 0;
}

bool drop_to(const ProcessSpec& spec, const std::vector<gid_t>& groups) {
  if (spec.binds_low_ports && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return false;
  return setgroups(groups.size(), groups.data()) == 0 && setgid(spec.user->gid) == 0 &&
         setuid(spec.user->uid) == 0 && (!spec.binds_low_ports || raise_net_bind());
}

// become turns the child into the program. It returns only when it fails, with errno set. Called in
// the child.
void become(const ProcessSpec& spec, Prepared& prepared, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  std::signal(SIGPIPE, SIG_DFL);
  if (setsid() < 0 || !redirect(spec, prepared)) return;
  if (spec.user && !drop_to(spec, prepared.groups)) return;
  if (prctl(PR_SET_PDEATHSIG, spec.death_signal) != 0) return;
  if (getppid() != parent) _exit(127);  // the parent died before prctl
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  execve(prepared.program.c_str(), prepared.argv.data(), prepared.environment.data());
  if (errno == EACCES)
    fexecve(prepared.program_fd.get(), prepared.argv.data(), prepared.environment.data());
}

int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// drain reads both outputs until both ended or the deadline passed. It returns false when the
// deadline passed.
bool drain(std::array<Fd, 2>* pipes, std::array<std::string*, 2> texts, int64_t deadline_ms) {
  std::array<char, 65536> buffer;
  while ((*pipes)[0].get() >= 0 || (*pipes)[1].get() >= 0) {
    const int64_t left_ms = deadline_ms - now_ms();
    pollfd polled[2] = {{(*pipes)[0].get(), POLLIN, 0}, {(*pipes)[1].get(), POLLIN, 0}};
    if (left_ms <= 0) return false;
    if (poll(polled, 2, static_cast<int>(left_ms)) < 0 && errno != EINTR) return false;
    for (size_t i = 0; i < 2; i++) {
      if (polled[i].revents == 0) continue;
      const ssize_t count = read(polled[i].fd, buffer.data(), buffer.size());
      if (count <= 0) {
        (*pipes)[i].reset();
      } else if (texts[i]->size() < kOutputBytesMax) {
        texts[i]->append(buffer.data(), static_cast<size_t>(count));
      }
    }
  }
  return true;
}

}  // namespace

ActingAs::ActingAs(const std::optional<RunUser>& user) : active_(user.has_value()) {
  if (!active_) return;
  gid_ = getegid();
  const int count = getgroups(0, nullptr);
  CHECK(count >= 0, errno);
  groups_.resize(static_cast<size_t>(count));
  CHECK(getgroups(count, groups_.data()) == count, errno);
  CHECK(setgroups(1, &user->gid) == 0 && setegid(user->gid) == 0 && seteuid(user->uid) == 0, errno);
}

ActingAs::~ActingAs() {
  if (!active_) return;
  CHECK(seteuid(getuid()) == 0 && setegid(gid_) == 0, errno);
  CHECK(setgroups(groups_.size(), groups_.data()) == 0, errno);
}

absl::StatusOr<RunUser> RunUser::find(const std::string& name) {
  const passwd* entry = getpwnam(name.c_str());
  if (entry == nullptr) return absl::NotFoundError("there is no user " + name);
  return from_passwd(*entry);
}

RunUser RunUser::current() {
  const passwd* entry = getpwuid(geteuid());
  if (entry != nullptr) return from_passwd(*entry);
  return {std::to_string(geteuid()), "/", geteuid(), getegid()};
}

absl::StatusOr<Process> Process::start(const ProcessSpec& given) {
  ProcessSpec spec = given;
  Prepared prepared;
  if (absl::Status status = prepare(spec, &prepared); !status.ok()) return status;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::UnavailableError(std::strerror(errno));
  // The pipe carries errno when exec fails, and closes when exec succeeds.
  Fd report(ends[0]), reporter(ends[1]);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return absl::UnavailableError(std::string("fork: ") + std::strerror(errno));
  if (pid == 0) {
    become(spec, prepared, parent);
    const int error = errno;
    if (write(reporter.get(), &error, sizeof error) != sizeof error) _exit(126);
    _exit(127);
  }
  reporter.reset();
  Process process(pid);
  int error = 0;
  if (read(report.get(), &error, sizeof error) != sizeof error) return process;
  const std::string message = spec.argv[0] + ": " + std::strerror(error);
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

Process::Process(Process&& other) noexcept { *this = std::move(other); }

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(exit_code_, other.exit_code_);
  return *this;
}

Process::~Process() {
  if (pid_ > 0 && !wait(0)) stop(SIGKILL, 10000);
}

std::optional<int> Process::wait(int64_t timeout_ms) {
  if (exit_code_) return exit_code_;
  CHECK(pid_ > 0, pid_);
  if (timeout_ms > 0) {
    const Fd handle(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    pollfd polled = {handle.get(), POLLIN, 0};
    const int64_t deadline_ms = now_ms() + timeout_ms;
    int64_t left_ms = timeout_ms;
    while (left_ms > 0 && poll(&polled, 1, static_cast<int>(left_ms)) < 0 && errno == EINTR)
      left_ms = deadline_ms - now_ms();
  }
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) exit_code_ = exit_code_of(status);
  return exit_code_;
}

void Process::send(int signal) {
  if (!wait(0)) kill(pid_, signal);
}

int Process::stop(int signal, int64_t grace_ms) {
  send(signal);
  if (!wait(grace_ms)) send(SIGKILL);
  // Longest wait for a killed process, in ms. It ends as soon as its pending I/O does; after the
  // limit stop returns the code of SIGKILL without having seen the end.
  constexpr int64_t kReapMs = 10000;
  return wait(kReapMs).value_or(128 + SIGKILL);
}

absl::StatusOr<ProcessOutput> run_process(ProcessSpec spec, int64_t timeout_ms,
                                          const std::string& input) {
  const int64_t deadline_ms = now_ms() + timeout_ms;
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0) return absl::UnavailableError(std::strerror(errno));
  Fd in_read(in[0]), in_write(in[1]);
  if (pipe2(out, O_CLOEXEC) != 0) return absl::UnavailableError(std::strerror(errno));
  std::array<Fd, 2> reads = {Fd(out[0]), Fd()};
  Fd out_write(out[1]);
  if (pipe2(err, O_CLOEXEC) != 0) return absl::UnavailableError(std::strerror(errno));
  reads[1] = Fd(err[0]);
  Fd err_write(err[1]);
  // A pipe holds 64 KiB, so that this write before the program reads does not block.
  CHECK(input.size() <= 65536, input.size());
  if (write(in_write.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()))
    return absl::UnavailableError(std::strerror(errno));
  in_write.reset();
  spec.input_fd = in_read.get();
  spec.output_fd = out_write.get();
  spec.error_fd = err_write.get();
  absl::StatusOr<Process> process = Process::start(spec);
  if (!process.ok()) return process.status();
  out_write.reset();
  err_write.reset();
  ProcessOutput result;
  const bool ended = drain(&reads, {&result.output, &result.errors}, deadline_ms);
  const std::optional<int> code = process->wait(ended ? deadline_ms - now_ms() : 0);
  if (!code)
    return absl::DeadlineExceededError(spec.argv[0] + ": did not end within the time limit");
  result.exit_code = *code;
  return result;
}

}  // namespace gatetape
