"""A stack whose processes the test itself starts, kills, stops and starts again: made by
`gatetape up`, then run without a supervisor."""

import contextlib
import os
import signal
import socket
import subprocess

import harness

RECORDER_B = "gatetape-recorder-b"


def listens(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def tree_of(pid):
    """`pid` and the processes that it started."""
    listed = harness.run(["ps", "--ppid", str(pid), "-o", "pid="]).stdout.split()
    return [pid, *map(int, listed)]


class Daemon:
    """One process of the stack; it ends with the test that started it."""

    def __init__(self, command, user, log, is_ready, stop_signal=signal.SIGTERM,
                 environment=None):
        ids = [f"--reuid={user}", f"--regid={user}", "--init-groups"] if os.getuid() == 0 else []
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
        """Starts it, again when it refuses (PostgreSQL does while killed backends linger)."""
        self.launch()

        def ready():
            if self.process.poll() is not None:
                self.launch()
            return self.is_ready() and self.process.poll() is None
        harness.wait_until(ready, f"{self.command} is ready")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.signal(self.stop_signal)
            try:
                self.process.wait(harness.WAIT_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    @contextlib.contextmanager
    def paused(self):
        """SIGSTOP of it and of its children, SIGCONT at the end."""
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


class ChaosStack(harness.Stack):
    """harness.Stack with `daemons` by program name. `settings` are lines of gatetape.toml's
    sections, "" = the top level; with `two_recorders` the second is RECORDER_B."""

    def __init__(self, settings=None, two_recorders=False):
        self.daemons = {}
        self.first_settings = settings or {}
        self.two_recorders = two_recorders
        super().__init__()

    def start(self):
        super().start()
        super().stop()
        self.add_settings(self.first_settings)
        self.before_daemons()
        for name in ("postgres", "gatetape-recorder", "gatetape-auditd", "gatetape-gateway"):
            self.add_daemon(name)
            if name == "gatetape-recorder" and self.two_recorders:
                self.add_second_recorder()

    def before_daemons(self):
        """What a test has to do while nothing runs yet."""

    def on_started(self, _):
        """What a test has to do when a program has started and later ones have not."""

    def after_daemons(self):
        """What a test has to undo when nothing runs any more."""

    def environment(self, _):
        """What a program gets on top of the environment of the test."""
        return {}

    def replace_in_config(self, old, new):
        path = f"{self.dir}/gatetape.toml"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if old not in text:
            raise AssertionError(f"{old} is not in {path}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    def add_settings(self, settings):
        super().add_settings({key: value for key, value in settings.items() if key})
        if "" in settings:
            path = f"{self.dir}/gatetape.toml"
            with open(path, encoding="utf-8") as file:
                text = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(settings[""] + "\n" + text)

    def add_daemon(self, name, config="gatetape.toml"):
        part = name.removeprefix("gatetape-")
        program = part.removesuffix("-b")
        command = [f"{harness.BIN}/gatetape-{program}", "--config", f"{self.dir}/{config}"]
        if name == "postgres":
            self.daemons[name] = self.postgres_daemon(f"{self.dir}/pg", part, self.answers)
        else:
            self.daemons[name] = Daemon(command, self.owner(), f"{self.dir}/log/{part}.log",
                                        lambda: self.is_ready(name),
                                        environment=self.environment(name))
        self.daemons[name].start()
        self.on_started(name)

    def is_ready(self, name):
        """Whether a daemon of gatetape listens."""
        part = name.removeprefix("gatetape-")
        return (harness.can_connect(self.port) if part == "gateway"
                else listens(f"{self.dir}/run/{part}.sock"))

    def postgres_daemon(self, data, log, is_ready):
        return Daemon([self.postgres("postgres"), "-D", data], self.owner(),
                      f"{self.dir}/log/{log}.log", is_ready, signal.SIGINT)

    def second_config(self, text):
        """The configuration of the second recorder, from that of the first."""
        return text.replace("[recorder]\n", '[recorder]\nlisten = "unix:run/recorder-b.sock"\n')

    def add_second_recorder(self):
        with open(f"{self.dir}/gatetape.toml", encoding="utf-8") as file:
            text = file.read()
        with open(f"{self.dir}/recorder_b.toml", "w", encoding="utf-8") as file:
            file.write(self.second_config(text))
        self.add_daemon(RECORDER_B, "recorder_b.toml")

    def postgres(self, program):
        """The path of a program of this PostgreSQL."""
        with open(f"{self.dir}/pg/PG_VERSION", encoding="ascii") as file:
            return f"/usr/lib/postgresql/{file.read().strip()}/bin/{program}"

    def psql(self, role):
        """The words of a psql that reads SQL from its standard input."""
        return [*self.as_owner(), "psql", "-X", "-q", "-A", "-t", "-h", f"{self.dir}/run",
                "-U", role, "gatetape"]

    def as_owner(self):
        """The words before a command that the daemons' user is to run."""
        if os.getuid() != 0:
            return []
        return ["setpriv", f"--reuid={self.owner()}", f"--regid={self.owner()}", "--clear-groups"]

    def answers(self):
        try:
            return self.sql("select 1") == [["1"]]
        except AssertionError:
            return False

    def restart(self, daemon):
        self.daemons[daemon].stop()
        self.daemons[daemon].start()

    def reload(self):
        before = len(self.access_lines())
        self.daemons["gatetape-gateway"].signal(signal.SIGHUP)
        harness.wait_until(lambda: len(self.access_lines()) > before, "the access file was read")

    def pid(self, daemon):
        return self.daemons[daemon].process.pid

    def close(self):
        for name in reversed(list(self.daemons)):
            self.daemons[name].stop()
        self.after_daemons()
        super().close()

    def works(self):
        """Whether a new session goes all the way."""
        return harness.run([*self.direct(), "echo works"]).stdout == b"works\n"

    def verify_all(self):
        """The verdicts of `gatetape verify --all`; waits until auditd can give them."""
        ran = harness.wait_until(lambda: self.ran_verify(), "the record is verified")
        return [line.split(",")[:5] for line in ran.stdout.decode().splitlines()[1:]]

    def ran_verify(self):
        ran = self.gatetape("verify", "--all", "-o", "csv")
        return ran if ran.returncode in (0, 5) else None

    def wait_all_closed(self):
        """Waits until every session of a user has its signed head."""
        harness.wait_until(lambda: self.sql(
            "select count(*) from gatetape.session s left join gatetape.head h using (session_id) "
            "where s.kind = 'session' and h.session_id is null") == [["0"]], "sessions are closed")

    def tampered(self):
        return [verdict for verdict in self.verify_all()
                if verdict[0] not in ("intact", "unsigned")]


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

