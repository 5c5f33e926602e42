"""Ports, processes, keys, a terminal and a stock sshd for the end-to-end tests."""

import atexit
import contextlib
import fcntl
import functools
import os
import pty
import pwd
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
import urllib.request

# The folder of the programs that are tested.
BIN = os.environ.get("GATETAPE_BIN") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../build/release/bin")
LOGIN = pwd.getpwuid(os.getuid()).pw_name
WAIT_S = 60  # The limit of every wait for something that will happen. A busy machine is slow.
IS_FULL = os.environ.get("GATETAPE_TIER") == "full"

TARGET_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {dir}/host_key
TrustedUserCAKeys {dir}/user_ca.pub
AuthorizedKeysFile {dir}/authorized_keys
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM {pam}
StrictModes no
PidFile none
PrintMotd no
PrintLastLog no
AcceptEnv LC_* GATETAPE_*
SetEnv HOME={dir}/home
LogLevel VERBOSE
MaxStartups 100
MaxSessions 100
{more}
Subsystem sftp internal-sftp
"""


def by_tier(quick, full):
    """Returns the count or size for the tier of tests that runs. Tiers differ in these alone."""
    return full if IS_FULL else quick


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, timeout_s=WAIT_S):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited {timeout_s} s without success for: {what}")


def is_open_to_all(folder):
    """Returns whether every user may enter a folder."""
    while os.stat(folder).st_mode & 0o001:
        if folder == "/":
            return True
        folder = os.path.dirname(folder)
    return False


@functools.cache
def program_for_all(name):
    """Returns the path of a program that every user may run. It is a copy when other users cannot
    enter BIN, as in a clone in the home of root."""
    folder = os.path.realpath(BIN)
    if is_open_to_all(folder):
        return f"{folder}/{name}"
    copies = tempfile.mkdtemp(prefix="gatetape_bin_")
    atexit.register(shutil.rmtree, copies, ignore_errors=True)
    os.chmod(copies, 0o755)
    return shutil.copy(f"{folder}/{name}", copies)


def run(command, **options):
    """Runs a command as every test needs it: output captured, a timeout, no standard input."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("timeout", 4 * WAIT_S)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run(command, check=False, **options)


def children_of(pid):
    """Returns {program: pid} of the processes that `pid` started."""
    listed = run(["ps", "--ppid", str(pid), "-o", "pid=,args="]).stdout.decode()
    found = {}
    for line in listed.splitlines():
        child, program = line.split()[:2]
        found[os.path.basename(program)] = int(child)
    return found


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def metric(port, name):
    """Returns a figure of the daemon whose metrics are on a port; None while it cannot be asked."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=WAIT_S) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return None
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} ")),
                None)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command, rows=24, columns=80, env=None):
        self.screen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.environ.update({"TERM": "xterm", **(env or {})})
                os.execvp(command[0], command)
            finally:
                os._exit(127)
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text if isinstance(text, bytes) else text.encode())

    def _read(self, timeout_s):
        if not select.select([self.fd], [], [], timeout_s)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # The other side of the terminal is closed.
            data = b""
        self.screen += data
        return bool(data)

    def expect(self, text, timeout_s=WAIT_S):
        """Reads until `text` is on the screen after what was expected before."""
        wanted = text if isinstance(text, bytes) else text.encode()
        start = getattr(self, "seen", 0)
        deadline = time.monotonic() + timeout_s
        while wanted not in self.screen[start:]:
            if time.monotonic() > deadline or not self._read(0.2):
                raise AssertionError(f"{wanted!r} is not on the screen: {self.screen[start:]!r}")
        self.seen = self.screen.index(wanted, start) + len(wanted)

    def finish(self, timeout_s=WAIT_S):
        """Reads to the end; returns the exit code."""
        deadline = time.monotonic() + timeout_s
        while self._read(0.2):
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                break
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


class Target:
    """A stock sshd on loopback. The home folder of its shells is empty, because what this machine's
    .bashrc prints or takes long to do is no part of a test."""

    def __init__(self, folder, user_ca, authorized_keys, more=""):
        self.folder = folder
        self.port = free_port()
        os.makedirs(f"{folder}/home")
        self.new_host_key()
        with open(f"{folder}/user_ca.pub", "w", encoding="ascii") as file:
            file.write(user_ca)
        with open(f"{folder}/authorized_keys", "w", encoding="ascii") as file:
            file.write(authorized_keys)
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        with open(f"{folder}/sshd_config", "w", encoding="ascii") as file:
            file.write(TARGET_CONFIG.format(port=self.port, dir=folder, more=more,
                                            pam="yes" if is_locked(LOGIN) else "no"))
        self.start()

    def new_host_key(self):
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{self.folder}/host_key")
        make_key(f"{self.folder}/host_key")

    def start(self):
        self.log = open(f"{self.folder}/log", "ab")
        self.process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", f"{self.folder}/sshd_config"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_until(lambda: can_connect(self.port), "the target listens")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def host_key(self):
        return public_key(f"{self.folder}/host_key")

    def log_text(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
            return file.read()


def is_locked(account):
    """Returns whether the password of an account is locked. sshd without PAM refuses such an
    account."""
    ran = run(["passwd", "-S", account])
    return ran.stdout.split()[1:2] == [b"L"]


def can_connect(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path],
                   check=True)


def public_key(path):
    with open(path + ".pub", encoding="ascii") as file:
        return file.read().strip()
