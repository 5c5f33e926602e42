"""How the daemons of a harness.Stack run: below `gatetape up`, or each by itself, so that a test
can kill, stop and start them."""

import contextlib
import os
import pwd
import signal
import socket
import subprocess

from machine import BIN, WAIT_S, can_connect, children_of, program_for_all, run, wait_until

GROUP = "gatetape"  # of all accounts of the daemons
RECORDER_B = "gatetape-recorder-b"
DAEMONS = ("postgres", "gatetape-recorder", "gatetape-auditd", "gatetape-gateway")


def account(daemon):
    """Returns the account that a daemon of a stack runs as."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid()).pw_name
    return "gatetape-db" if daemon == "postgres" else f"gatetape-{daemon}"


class Supervised:
    """The daemons run below `gatetape up`, which starts a daemon again when it ends."""

    daemons = {}

    def __init__(self):
        self.stack = None
        self.process = None
        self.log = None

    def begin(self, stack, settings):
        """Starts the stack for the first time, with lines added to gatetape.toml."""
        self.stack = stack
        self.start()
        if settings:
            stack.add_settings(settings)
            self.restart("gatetape-gateway")

    def start(self):
        self.log = open(f"{self.stack.folder}/up.log", "ab")
        self.process = subprocess.Popen(
            [f"{BIN}/gatetape", "--dir", self.stack.dir, "up",
             "--listen", f"127.0.0.1:{self.stack.port}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_until(lambda: self.process.poll() is not None or "gatetape is up" in self.output(),
                   "gatetape up", 2 * WAIT_S)
        if self.process.poll() is not None:
            raise AssertionError(f"gatetape up ended: {self.output()}")

    def output(self):
        with open(f"{self.stack.folder}/up.log", encoding="utf-8") as file:
            return file.read()

    def stop(self):
        """Sends SIGTERM; returns the exit code of `gatetape up`."""
        self.process.terminate()
        code = self.process.wait(2 * WAIT_S)
        self.log.close()
        os.remove(f"{self.stack.folder}/up.log")
        return code

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def restart(self, daemon):
        """Ends a daemon and waits until the supervisor has started it again."""
        old = self.pid(daemon)
        os.kill(old, signal.SIGTERM)
        wait_until(lambda: self.pid(daemon) != old and can_connect(self.stack.port),
                   f"{daemon} restarts")

    def pid(self, daemon):
        return wait_until(lambda: children_of(self.process.pid).get(daemon), f"{daemon} runs")

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)


def listens(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def tree_of(pid):
    """Returns `pid` and the processes that it started."""
    listed = run(["ps", "--ppid", str(pid), "-o", "pid="]).stdout.split()
    return [pid, *map(int, listed)]


class Daemon:
    """One process of the stack. It ends with the test that started it."""

    def __init__(self, command, user, log, is_ready, stop_signal=signal.SIGTERM,
                 environment=None):
        ids = [f"--reuid={user}", f"--regid={GROUP}", "--init-groups"] if os.getuid() == 0 else []
        settings = [f"{name}={value}" for name, value in (environment or {}).items()]
        self.command = ["setpriv", *ids, "--pdeathsig", stop_signal.name[3:], "env", *settings,
                        *command]
        self.log = log
        self.is_ready = is_ready
        self.stop_signal = stop_signal
        self.process = None

    def launch(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd="/")

    def start(self):
        """Starts the process, again when it ends: PostgreSQL ends while killed backends linger."""
        self.launch()

        def ready():
            if self.process.poll() is not None:
                self.launch()
            return self.is_ready() and self.process.poll() is None
        wait_until(ready, f"{self.command} is ready")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.signal(self.stop_signal)
            try:
                self.process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    @contextlib.contextmanager
    def paused(self):
        """Stops the process and its children with SIGSTOP; SIGCONT follows at the end."""
        pids = tree_of(self.process.pid)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def state_folder(folder, part):
    """Returns the environment in which a gateway that may not write beside access.toml runs."""
    if part != "gateway" or os.getuid() != 0:
        return {}
    return {"STATE_DIRECTORY": f"{folder}/gateway"}


class Separate:
    """`gatetape up` makes the stack; then each daemon runs without a supervisor. With
    `two_recorders` the second is RECORDER_B. A test that needs something else derives a class."""

    def __init__(self, two_recorders=False):
        self.stack = None
        self.daemons = {}
        self.two_recorders = two_recorders

    def begin(self, stack, settings):
        """Makes the stack, adds lines to gatetape.toml, and starts the daemons."""
        self.stack = stack
        maker = Supervised()
        maker.begin(stack, {})
        maker.close()
        stack.add_settings(settings)
        self.before_daemons()
        self.start()

    def before_daemons(self):
        """Does what a test needs while nothing runs yet."""

    def on_started(self, _):
        """Does what a test needs when a daemon has started and later ones have not."""

    def after_daemons(self):
        """Undoes what a test did when nothing runs any more."""

    def environment(self, _):
        """Returns what a daemon gets in addition to the environment of the test."""
        return {}

    def config_of(self, name):
        """Returns the name of the configuration file of a daemon."""
        return "recorder_b.toml" if name == RECORDER_B else "gatetape.toml"

    def start(self):
        for name in DAEMONS:
            self.add_daemon(name)
            if name == "gatetape-recorder" and self.two_recorders:
                self.write_second_config()
                self.add_daemon(RECORDER_B)

    def write_second_config(self):
        """Writes the configuration of the second recorder."""
        self.stack.replace_in_config(
            "[recorder]\n", '[recorder]\nlisten = "unix:run/recorder/recorder-b.sock"\n',
            self.config_of(RECORDER_B))

    def add_daemon(self, name):
        part = name.removeprefix("gatetape-")
        folder = self.stack.dir
        if name == "postgres":
            self.daemons[name] = self.postgres_daemon(f"{folder}/pg", part, self.answers)
        else:
            program = program_for_all(f"gatetape-{part.removesuffix('-b')}")
            self.daemons[name] = Daemon(
                [program, "--config", f"{folder}/{self.config_of(name)}"],
                account(part.removesuffix("-b")), f"{folder}/log/{part}.log",
                lambda: self.is_ready(name),
                environment={**state_folder(folder, part), **self.environment(name)})
        self.daemons[name].start()
        self.on_started(name)

    def is_ready(self, name):
        """Returns whether a daemon of gatetape listens."""
        part = name.removeprefix("gatetape-")
        return (can_connect(self.stack.port) if part == "gateway"
                else listens(f"{self.stack.dir}/run/{part.removesuffix('-b')}/{part}.sock"))

    def postgres_daemon(self, data, log, is_ready):
        return Daemon([self.postgres("postgres"), "-D", data], account("postgres"),
                      f"{self.stack.dir}/log/{log}.log", is_ready, signal.SIGINT)

    def postgres(self, program):
        """Returns the path of a program of this PostgreSQL."""
        with open(f"{self.stack.dir}/pg/PG_VERSION", encoding="ascii") as file:
            return f"/usr/lib/postgresql/{file.read().strip()}/bin/{program}"

    def answers(self):
        try:
            return self.stack.sql("select 1") == [["1"]]
        except AssertionError:
            return False

    def stop(self):
        for name in reversed(list(self.daemons)):
            self.daemons[name].stop()

    def close(self):
        self.stop()
        self.after_daemons()

    def restart(self, daemon):
        self.daemons[daemon].stop()
        self.daemons[daemon].start()

    def pid(self, daemon):
        return self.daemons[daemon].process.pid

    def hang_up(self):
        self.daemons["gatetape-gateway"].signal(signal.SIGHUP)


@contextlib.contextmanager
def holding(stack, statement):
    """Runs SQL as the superuser in a transaction that stays open for the block."""
    with subprocess.Popen(stack.psql("gatetape_owner"), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, cwd="/") as psql:
        psql.stdin.write(f"begin; {statement}; select 'held';\n".encode())
        psql.stdin.flush()
        while b"held" not in psql.stdout.readline():
            pass
        try:
            yield
        finally:
            psql.stdin.write(b"rollback;\n")
            psql.stdin.close()
