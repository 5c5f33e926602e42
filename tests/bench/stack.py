"""What tools/bench measures on, on loopback in a temporary folder, until Stack.stop(): a whole
gatetape as `gatetape up` runs it, the same with a recorder that acknowledges on receipt, a stock
sshd as plain jump host, one stock sshd as target of all, and an ssh configuration that reaches it
by each route."""

import contextlib
import getpass
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

from machine import WAIT_S, can_connect, free_port, is_locked, make_key, wait_until

CIPHER = "aes128-gcm@openssh.com"
KEY_EXCHANGE = "curve25519-sha256"
ROUTES = ("gatetape", "plain")
# What durability itself costs: the same relay with a recorder that acknowledges what it received.
ALL_ROUTES = ("gatetape", "receipt", "plain")
# The gateway limits connections a source address, so the clients come from several.
SOURCES = 8
MIGRATIONS = str(pathlib.Path(__file__).resolve().parents[2] / "migrations")

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
SetEnv HOME={dir}/home
"""

SSH_ROUTE = """\
Host {route}-jump-{n}
  HostName 127.0.0.1
  Port {port}
  User {user}
  BindAddress 127.0.1.{n}
Host {route}-{n}
  HostName 127.0.0.1
  Port {target}
  ProxyJump {route}-jump-{n}
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


class Gatetape:
    """One `gatetape up`."""

    def __init__(self, programs, folder):
        self.programs, self.dir, self.port = programs, str(folder), free_port()
        self.process = None
        self.pids = {}

    def start(self, stack, name):
        self.process = stack.child(name, [f"{self.programs}/gatetape", "up", "--dir", self.dir,
                                          "--listen", f"127.0.0.1:{self.port}"])
        wait_until(lambda: can_connect(self.port) or self.process.poll() is not None,
                   "gatetape is up")
        if self.process.poll() is not None:
            raise RuntimeError(f"gatetape up ended with {self.process.returncode}")
        names = {row[1]: pid for pid, row in process_table().items()
                 if row[0] == self.process.pid}
        # The kernel cuts a program's name after 15 characters.
        self.pids = {part: names[f"gatetape-{part}"[:15]]
                     for part in ("gateway", "recorder", "auditd")}
        self.pids["postgres"] = names["postgres"]

    def key(self, name):
        return key_line(f"{self.dir}/keys/{name}.pub")

    def set_access(self, text):
        pathlib.Path(self.dir, "access.toml").write_text(text)
        self.process.send_signal(signal.SIGHUP)

    def psql_words(self, database):
        folder = pathlib.Path(self.dir, "run/db")
        if not folder.is_dir():  # A stack of an older version.
            folder = folder.parent
        return ["psql", "-XqAt", "-h", str(folder), "-U", "gatetape_owner",
                "-d", database, "-v", "ON_ERROR_STOP=1"]

    def sql(self, query, database="gatetape"):
        """The first row of the answer, as text."""
        done = subprocess.run([*self.psql_words(database), "-c", query], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{query}: {done.stderr}")
        return done.stdout.strip().split("|")


def key_line(path):
    return " ".join(pathlib.Path(path).read_text().split()[:2])


class Stack:
    def __init__(self, programs, receipt_recorder):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gatetape-bench-"))
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="gatetape-bench-", dir=memory))
        self.user = getpass.getuser()
        self.children = []
        self.target_port, self.jump_port = free_port(), free_port()
        self.target = self.jump = None
        self.gates = {"gatetape": Gatetape(pathlib.Path(programs).resolve(), self.dir / "state"),
                      "receipt": Gatetape(self.dir / "receipt_bin", self.dir / "receipt_state")}
        shutil.copytree(programs, self.dir / "receipt_bin")
        shutil.copy(receipt_recorder, self.dir / "receipt_bin/gatetape-recorder")

    def start(self):
        self.dir.chmod(0o755)  # the daemons' account walks through it
        (self.dir / "log").mkdir()
        for name in ("client", "jump_host", "target_host"):
            make_key(str(self.dir / name))
        for route, gate in self.gates.items():
            gate.start(self, route)
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        cas = self.dir / "user_cas.pub"
        cas.write_text("".join(f"{gate.key('user_ca')}\n" for gate in self.gates.values()))
        self.target = self.sshd("target", self.target_port, f"TrustedUserCAKeys {cas}")
        self.jump = self.sshd("jump", self.jump_port, "")
        self.write_client_files()
        access = ACCESS.format(client_key=key_line(self.dir / "client.pub"), user=self.user,
                               target_key=key_line(self.dir / "target_host.pub"),
                               target=self.target_port)
        for gate in self.gates.values():
            gate.set_access(access)
        for route in ALL_ROUTES:
            wait_until(lambda r=route: self.reaches_target(r), f"{route} reaches the target")

    def child(self, name, command):
        with open(self.dir / "log" / f"{name}.log", "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True,
                                       env={**os.environ, "GATETAPE_MIGRATIONS": MIGRATIONS})
        self.children.append(process)
        return process

    def sshd(self, name, port, extra):
        config = self.dir / f"{name}_sshd_config"
        pam = "yes" if is_locked(self.user) else "no"
        config.write_text(SSHD.format(dir=self.dir, name=name, port=port, extra=extra, pam=pam))
        process = self.child(name, [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e",
                                    "-f", str(config)])
        wait_until(lambda: can_connect(port), f"sshd {name} listens")
        return process.pid

    def write_client_files(self):
        ports = {"plain": self.jump_port, **{r: gate.port for r, gate in self.gates.items()}}
        target_key = key_line(self.dir / "target_host.pub")
        lines = [f"[127.0.0.1]:{self.jump_port} {key_line(self.dir / 'jump_host.pub')}",
                 f"[127.0.0.1]:{self.target_port} {target_key}"]
        for gate in self.gates.values():
            lines += [f"[127.0.0.1]:{gate.port} {gate.key('gateway_host')}",
                      f"@cert-authority [127.0.0.1]:{self.target_port} {gate.key('host_ca')}"]
        (self.dir / "known_hosts").write_text("\n".join(lines) + "\n")
        hosts = [SSH_ROUTE.format(route=route, n=n, port=port, target=self.target_port,
                                  user=self.user if route == "plain" else "bench")
                 for route, port in ports.items() for n in range(1, SOURCES + 1)]
        hosts.append(SSH_ALL.format(user=self.user, dir=self.dir, cipher=CIPHER, kex=KEY_EXCHANGE))
        (self.dir / "ssh_config").write_text("".join(hosts))

    def reaches_target(self, route):
        quiet = subprocess.DEVNULL
        return self.ssh(route, 0, [], "true", quiet, quiet).wait() == 0

    def ssh(self, route, number, options, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE):
        """One client on `route`; clients with different numbers come from different addresses."""
        host = f"{route}-{number % SOURCES + 1}"
        words = ["ssh", "-F", str(self.dir / "ssh_config"), *options, host, command]
        with open(self.dir / "log/ssh.log", "ab") as log:
            return subprocess.Popen(words, bufsize=0, stdin=stdin, stdout=stdout, stderr=log)

    def logs(self):
        parts = [*self.dir.glob("log/*.log"), *self.dir.glob("*state/log/*.log")]
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
