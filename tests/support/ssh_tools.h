// ssh_tools: the stock OpenSSH programs for tests: a temporary folder, commands and a real sshd.
// Any thread.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/check.h"

namespace gatetape::testing {

// TempDir is a folder under /tmp that is removed with the object.
class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/gatetape_test.XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
  }

 private:
  std::string path_;
};

inline std::string read_all(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

struct CommandResult {
  std::string out;  // standard output; the command inherits standard error
  int exit_code = -1;
};

// run runs a shell command and waits for its end, at most 60 s.
inline CommandResult run(const std::string& command) {
  CommandResult result;
  FILE* pipe = popen(("exec timeout 60 sh -c '" +
                      [&command] {
                        std::string quoted;
                        for (char c : command) quoted += c == '\'' ? "'\\''" : std::string(1, c);
                        return quoted;
                      }() +
                      "'")
                         .c_str(),
                     "r");
  CHECK(pipe != nullptr);
  char buffer[65536];
  for (size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    result.out.append(buffer, got);
  }
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

// listen_loopback returns a listening socket on a free port of 127.0.0.1.
inline int listen_loopback(int* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(fd, 16) == 0);
  CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  *port = ntohs(address.sin_port);
  return fd;
}

// ssh_command returns the command line of an ssh client that reads no configuration and asks no
// questions.
inline std::string ssh_command(const TempDir& dir, int port, bool check_host = false) {
  return "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o "
         "UserKnownHostsFile=" +
         dir.path("known_hosts") +
         " -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=" + (check_host ? "yes" : "no") +
         " -p " + std::to_string(port);
}

// StockSshd is OpenSSH's server on a free port; its log is DIR/sshd.log. It serves one connection
// at a time from a listening socket of the test, so that no other process can take the port.
class StockSshd {
 public:
  StockSshd(const TempDir& dir, const std::string& configuration) {
    if (!std::filesystem::exists(dir.path("host_key"))) {
      run("ssh-keygen -q -t ed25519 -N '' -f " + dir.path("host_key"));
    }
    std::filesystem::create_directories("/run/sshd");  // the folder of its privilege separation
    dir.write("sshd_config", "HostKey " + dir.path("host_key") +
                                 "\nUsePAM no\nPidFile none\nPermitRootLogin yes\nStrictModes no\n"
                                 "LogLevel VERBOSE\nSubsystem sftp internal-sftp\n"
                                 "SetEnv HOME=" +
                                 dir.path("") + "\n" + configuration);
    const int listener = listen_loopback(&port_);
    pid_ = fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) serve(listener, dir);
    close(listener);
  }
  ~StockSshd() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  StockSshd(const StockSshd&) = delete;
  StockSshd& operator=(const StockSshd&) = delete;

  int port() const { return port_; }

 private:
  // serve accepts connections and runs `sshd -i` for each, until the object is destroyed.
  [[noreturn]] static void serve(int listener, const TempDir& dir) {
    const std::string config = dir.path("sshd_config"), log = dir.path("sshd.log");
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
      const int fd = accept(listener, nullptr, nullptr);
      if (fd < 0) _exit(1);
      if (fork() == 0) {
        dup2(fd, 0);
        dup2(fd, 1);
        execl("/usr/sbin/sshd", "sshd", "-i", "-f", config.c_str(), "-E", log.c_str(), nullptr);
        _exit(127);
      }
      close(fd);
    }
  }

  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace gatetape::testing
