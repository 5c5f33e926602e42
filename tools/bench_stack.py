"""What tools/bench measures on: a whole gatetape stack as `gatetape up` runs it, one stock sshd as
target, one stock sshd as plain jump host, and an ssh configuration that reaches the target by
either way. All of it lives in a temporary folder, on loopback, and ends with Stack.stop()."""

import contextlib
import getpass
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

CIPHER = "aes128-gcm@openssh.com"
KEY_EXCHANGE = "curve25519-sha256"
ROUTES = ("gatetape", "plain")
# The gateway limits connections a source address, so the clients come from several.
SOURCES = 8
WAIT_S = 60

SSHD = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {dir}/{name}_host
AuthorizedKeysFile {dir}/client.pub
{extra}
UsePAM {pam}
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
PidFile none
PrintMotd no
PrintLastLog no
UseDNS no
MaxStartups 1000
MaxSessions 1000
LogLevel ERROR
"""

SSH_SOURCE = """\
Host gate-{n}
  HostName 127.0.0.1
  Port {gate}
  User bench
  BindAddress 127.0.1.{n}
Host jump-{n}
  HostName 127.0.0.1
  Port {jump}
  BindAddress 127.0.1.{n}
Host gatetape-{n}
  HostName db
  ProxyJump gate-{n}
Host plain-{n}
  HostName 127.0.0.1
  Port {target}
  ProxyJump jump-{n}
"""

SSH_ALL = """\
Host *
  User {user}
  IdentityFile {dir}/client
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {dir}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  Ciphers {cipher}
  KexAlgorithms {kex}
  IgnoreUnknown ObscureKeystrokeTiming
  ObscureKeystrokeTiming no
  ControlMaster no
  LogLevel ERROR
"""

ACCESS = """\
[[user]]
name = "bench"
keys = ["{client_key}"]
roles = ["bench"]

[[target]]
name = "db"
address = "127.0.0.1:{target}"
host_keys = ["{target_key}"]

[[role]]
name = "bench"
targets = ["db"]
logins = ["{user}"]
allow = ["shell", "exec", "sftp"]
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(what, condition, timeout_s=WAIT_S):
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {timeout_s} s")
        time.sleep(0.05)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def password_is_locked(user):
    """sshd without PAM refuses such an account."""
    answer = subprocess.run(["passwd", "-S", user], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.split()[1] == "L"


def process_table():
    """{pid: (parent, program, CPU ticks of it and of its children that ended)}"""
    table = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            stat = pathlib.Path("/proc", name, "stat").read_text()
            program, fields = stat.split("(", 1)[1].rsplit(")", 1)
            fields = fields.split()
            table[int(name)] = (int(fields[1]), program, sum(map(int, fields[11:15])))
    return table


def tree_of(pid, table=None):
    """The process and its descendants."""
    table = table or process_table()
    pids, found = [pid], []
    while pids:
        one = pids.pop()
        found.append(one)
        pids += [child for child, row in table.items() if row[0] == one]
    return found


def cpu_seconds(pid):
    """What the process, its descendants and those of them that ended have used."""
    table = process_table()
    ticks = sum(table[one][2] for one in tree_of(pid, table) if one in table)
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_kib(pid):
    for line in pathlib.Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} is gone")


def tree_resident_kib(pid):
    """Proportional set size: pages that forked processes share count once."""
    total = 0
    for one in tree_of(pid):
        with contextlib.suppress(OSError):
            for line in pathlib.Path("/proc", str(one), "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total


class Session:
    """One ssh client whose far end is `cat`: what is typed comes back."""

    def __init__(self, stack, route, number, pty):
        far = "stty raw -echo; echo ready; exec cat" if pty else "echo ready; exec cat"
        self.process = stack.ssh(route, number, ["-tt" if pty else "-T"], far)
        self.typed, self.shown = self.process.stdin.fileno(), self.process.stdout.fileno()
        got = b""
        while not got.endswith(b"ready\n"):
            got += self.read()

    def read(self):
        if not select.select([self.shown], [], [], WAIT_S)[0]:
            raise RuntimeError(f"a session says nothing for {WAIT_S} s")
        got = os.read(self.shown, 4096)
        if not got:
            raise RuntimeError("a session ended early")
        return got

    def echo_ms(self):
        begin = time.perf_counter_ns()
        os.write(self.typed, b"k")
        self.read()
        return (time.perf_counter_ns() - begin) / 1e6

    def end(self):
        """Ends the client; wait() then waits for that. (ssh may sleep through a SIGTERM.)"""
        self.process.kill()

    def wait(self):
        self.process.wait(WAIT_S)
        self.process.stdin.close()
        self.process.stdout.close()


class Stack:
    def __init__(self, programs):
        self.programs = pathlib.Path(programs).resolve()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gatetape-bench-"))
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="gatetape-bench-", dir=memory))
        self.user = getpass.getuser()
        self.children = []
        self.gate_port, self.jump_port, self.target_port = (free_port() for _ in range(3))

    def start(self):
        self.dir.chmod(0o755)  # the daemons' account walks through it
        (self.dir / "log").mkdir()
        for name in ("client", "jump_host", "target_host"):
            self.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name,
                      "-f", str(self.dir / name)])
        self.up = self.child("up", [str(self.programs / "gatetape"), "up", "--dir", self.state(),
                                    "--listen", f"127.0.0.1:{self.gate_port}"])
        wait_until("gatetape up (see its log)", lambda: listens(self.gate_port) or self.check_up())
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        ca = self.dir / "user_ca.pub"
        ca.write_text(self.key_line(f"{self.state()}/keys/user_ca.pub"))
        self.target = self.sshd("target", self.target_port, f"TrustedUserCAKeys {ca}")
        self.jump = self.sshd("jump", self.jump_port, "")
        self.write_client_files()
        self.write_access()
        names = {row[1]: pid for pid, row in process_table().items()
                 if row[0] == self.up.pid}
        # The kernel cuts a program's name after 15 characters.
        self.gateway, self.recorder, self.auditd, self.postgres = (
            names[name[:15]] for name in
            ("gatetape-gateway", "gatetape-recorder", "gatetape-auditd", "postgres"))

    def state(self):
        return str(self.dir / "state")

    def check_up(self):
        if self.up.poll() is not None:
            raise RuntimeError((self.dir / "log/up.log").read_text())
        return False

    def run(self, command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def child(self, name, command):
        with open(self.dir / "log" / f"{name}.log", "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        self.children.append(process)
        return process

    def sshd(self, name, port, extra):
        config = self.dir / f"{name}_sshd_config"
        pam = "yes" if password_is_locked(self.user) else "no"
        config.write_text(SSHD.format(dir=self.dir, name=name, port=port, extra=extra, pam=pam))
        process = self.child(name, [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e",
                                    "-f", str(config)])
        wait_until(f"sshd {name}", lambda: listens(port))
        return process.pid

    def key_line(self, path):
        return " ".join(pathlib.Path(path).read_text().split()[:2])

    def write_client_files(self):
        keys = pathlib.Path(self.state(), "keys")
        lines = (f"[127.0.0.1]:{self.gate_port} {self.key_line(keys / 'gateway_host.pub')}",
                 f"[127.0.0.1]:{self.jump_port} {self.key_line(self.dir / 'jump_host.pub')}",
                 f"[127.0.0.1]:{self.target_port} {self.key_line(self.dir / 'target_host.pub')}",
                 f"@cert-authority db {self.key_line(keys / 'host_ca.pub')}")
        (self.dir / "known_hosts").write_text("\n".join(lines) + "\n")
        hosts = [SSH_SOURCE.format(n=n, gate=self.gate_port, jump=self.jump_port,
                                   target=self.target_port) for n in range(1, SOURCES + 1)]
        hosts.append(SSH_ALL.format(user=self.user, dir=self.dir, cipher=CIPHER, kex=KEY_EXCHANGE))
        (self.dir / "ssh_config").write_text("".join(hosts))

    def write_access(self):
        text = ACCESS.format(client_key=self.key_line(self.dir / "client.pub"),
                             target_key=self.key_line(self.dir / "target_host.pub"),
                             target=self.target_port, user=self.user)
        pathlib.Path(self.state(), "access.toml").write_text(text)
        self.up.send_signal(signal.SIGHUP)
        wait_until("the access file", self.reaches_target, 20)

    def reaches_target(self):
        quiet = subprocess.DEVNULL
        return self.ssh("gatetape", 0, [], "true", quiet, quiet).wait() == 0

    def ssh_words(self, route, number, options, command):
        host = f"{route}-{number % SOURCES + 1}"
        return ["ssh", "-F", str(self.dir / "ssh_config"), *options, host, command]

    def ssh(self, route, number, options, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE):
        """One client on `route`; clients with different numbers come from different addresses."""
        with open(self.dir / "log/ssh.log", "ab") as log:
            return subprocess.Popen(self.ssh_words(route, number, options, command), bufsize=0,
                                    stdin=stdin, stdout=stdout, stderr=log)

    def psql_words(self, database):
        return ["psql", "-XqAt", "-h", f"{self.state()}/run", "-U", "gatetape_owner",
                "-d", database, "-v", "ON_ERROR_STOP=1"]

    def sql(self, query, database="gatetape"):
        """The first row of the answer, as text."""
        return self.run(self.psql_words(database) + ["-c", query]).strip().split("|")

    def logs(self):
        parts = [*self.dir.glob("log/*.log"), *pathlib.Path(self.state(), "log").glob("*.log")]
        return "".join(f"--- {part.name}\n{part.read_text(errors='replace')[-1500:]}\n"
                       for part in parts)

    def stop(self):
        """Ends what was started, and nothing else."""
        left = []
        for pid in tree_of(os.getpid())[1:]:
            with contextlib.suppress(OSError):
                left.append(os.pidfd_open(pid))
        for process in reversed(self.children):
            process.terminate()
        for process in reversed(self.children):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(WAIT_S)
        for process in left:  # whose parent did not end them
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
