"""One whole gatetape in a fresh folder, a stock sshd as its target, and stock clients for it.

A test module starts one Stack in setUpModule and closes it in tearDownModule; its tests share it.
"""

import atexit
import json
import os
import re
import shutil
import tempfile

import access_file
import runners
from machine import (BIN, LOGIN, WAIT_S, Target, Terminal, by_tier, can_connect, children_of,
                     free_port, make_key, metric, processor_s, program_for_all, public_key,
                     resident_bytes, run, wait_until)

__all__ = ["BIN", "LOGIN", "WAIT_S", "Stack", "Target", "Terminal", "by_tier", "can_connect",
           "children_of", "free_port", "make_key", "metric", "processor_s", "program_for_all",
           "public_key", "resident_bytes", "run", "wait_until"]

CLIENT_CONFIG = """\
Host gw
  HostName 127.0.0.1
  Port {gateway_port}
  User {user}
Host via-config
  HostName web
  ProxyJump gw
  User {login}
Host plain
  HostName 127.0.0.1
  Port {target_port}
  User {login}
  HostKeyAlias plain
Host *
  IdentityFile {dir}/{user}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {dir}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  ConnectTimeout 30
  LogLevel INFO
"""

ROLES = {"full": (["*"], ["shell", "exec", "sftp"]), "commands": (["web"], ["exec"]),
         "shells": (["web"], ["shell"])}
USERS = {"alice": "full", "bob": "commands", "carol": "shells"}  # and the role of each


class Stack:
    """`gatetape up` with three users and the targets web (an sshd), gone (nobody listens) and
    changed (web's sshd, with another host key in access.toml)."""

    def __init__(self, settings=None, runner=None):
        """`settings` are lines for sections of gatetape.toml, "" for its top: {"gateway":
        "freeze_timeout_s = 2"}. `runner` says how the daemons run: supervised by `gatetape up`,
        or each by itself (runners.Separate)."""
        # PostgreSQL runs with fsync, without which the recorder refuses it; in memory it is free.
        self.folder = tempfile.mkdtemp(prefix="gatetape_e2e_", dir="/dev/shm")
        os.chmod(self.folder, 0o755)
        atexit.register(self.close)
        self.dir = f"{self.folder}/state"
        self.sql_folder = f"{self.dir}/run/db"  # The socket of PostgreSQL for sql().
        self.port = free_port()
        self.keys = {}
        for user in (*USERS, "stranger"):
            make_key(f"{self.folder}/{user}")
            self.keys[user] = public_key(f"{self.folder}/{user}")
        make_key(f"{self.folder}/other_host_key")
        self.targets = {}
        self.runner = runner or runners.Supervised()
        self.runner.begin(self, settings or {})
        self.target = self.add_target("web")
        self.write_client_files()

    def start(self):
        self.runner.start()

    def stop(self):
        """Ends the daemons; returns the exit code of `gatetape up`."""
        return self.runner.stop()

    def restart(self, daemon):
        self.runner.restart(daemon)

    def pid(self, daemon):
        """Returns the process of a daemon, as soon as there is one."""
        return self.runner.pid(daemon)

    @property
    def daemons(self):
        """The daemons by the names of their programs, when each runs by itself."""
        return self.runner.daemons

    def add_target(self, name, more=""):
        """Starts an sshd of that name and lets alice reach it."""
        self.targets[name] = Target(f"{self.folder}/target_{name}",
                                    self.gatetape("ca").stdout.decode(), self.keys["alice"], more)
        self.write_access()
        self.reload()
        return self.targets[name]

    def close(self):
        atexit.unregister(self.close)
        self.runner.close()
        for target in self.targets.values():
            target.stop()
        if os.environ.get("GATETAPE_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder)

    def close_covered(self):
        """Closes the stack, after a check that `gatetape coverage` has one row for each channel
        and request that the database holds, and accounts for every byte."""
        try:
            before = self.stored_requests()
            ran = self.gatetape("coverage", "--all", "-o", "json")
            if ran.returncode != 0:
                raise AssertionError(f"coverage: {ran.stdout.decode()} {ran.stderr.decode()}")
            rows = {row["id"]: row["recorded"] + row["refused"] + row["opaque"]
                    for row in json.loads(ran.stdout)}
            after = self.stored_requests()  # A session that is still live may have more.
            wrong = [session for session, count in before.items()
                     if not count <= rows.get(session, -1) <= after[session]]
            if wrong:
                raise AssertionError(f"coverage has other rows than the record of {wrong}")
        finally:
            self.close()

    def stored_requests(self):
        """Returns how many channels and requests the record of each session of a user has."""
        rows = self.sql("select session_id, count(*) filter (where e.kind in (32, 34, 35, 41)) "
                        "from gatetape.session s left join gatetape.event e using (session_id) "
                        "where s.kind <> 'system' group by session_id")
        return {session: int(count) for session, count in rows}

    def log(self, daemon):
        """Returns the log of a daemon so far, one dictionary per line."""
        with open(f"{self.dir}/log/{daemon}.log", encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.startswith("{")]

    # Configuration.

    def add_settings(self, settings):
        """Adds lines to sections of gatetape.toml, and to its top."""
        top = settings.get("")
        for section, lines in settings.items():
            if section:
                self.replace_in_config(f"[{section}]\n", f"[{section}]\n{lines}\n")
        if top:
            write(f"{self.dir}/gatetape.toml", f"{top}\n{read(f'{self.dir}/gatetape.toml')}")

    def replace_in_config(self, old, new, config="gatetape.toml"):
        """Writes `config`, which is gatetape.toml with other words in it."""
        text = read(f"{self.dir}/gatetape.toml")
        if old not in text:
            raise AssertionError(f"{old} is not in gatetape.toml:\n{text}")
        write(f"{self.dir}/{config}", text.replace(old, new))

    def write_access(self, more=""):
        other_key = public_key(f"{self.folder}/other_host_key")
        parts = [access_file.user(name, self.keys[name], role) for name, role in USERS.items()]
        parts += [access_file.target(name, target.port, target.host_key())
                  for name, target in self.targets.items()]
        parts += [access_file.target("gone", free_port(), other_key),
                  access_file.target("changed", self.targets["web"].port, other_key)]
        parts += [access_file.role(name, targets, [LOGIN], allow)
                  for name, (targets, allow) in ROLES.items()]
        write(f"{self.dir}/access.toml", "\n".join(parts) + more)

    def reload(self):
        """Makes the gateway read the access file; returns its log line about that."""
        before = len(self.access_lines())
        self.runner.hang_up()
        wait_until(lambda: len(self.access_lines()) > before, "the access file was read")
        last = self.access_lines()[-1]
        if last["event"] == "access_loaded":
            self.write_known_hosts()
        return last

    def access_lines(self):
        return [line for line in self.log("gateway")
                if line["event"] in ("access_loaded", "access_refused")]

    def write_known_hosts(self):
        """The line of the host CA names the targets, so it changes with them."""
        gateway_key = read(f"{self.dir}/keys/gateway_host.pub").strip()
        write(f"{self.folder}/known_hosts",
              f"[127.0.0.1]:{self.port} {gateway_key}\n"
              f"{self.gatetape('ca', '--host').stdout.decode()}"
              f"plain {self.targets['web'].host_key()}\n")

    def write_client_files(self):
        self.write_known_hosts()
        for user in self.keys:
            write(self.config(user), CLIENT_CONFIG.format(
                dir=self.folder, user=user, login=LOGIN, gateway_port=self.port,
                target_port=self.target.port))

    # Clients.

    def config(self, user="alice"):
        return f"{self.folder}/{user}.conf"

    def jump(self, *options, user="alice", target="web", login=LOGIN):
        """Returns the words of `ssh -J gw LOGIN@TARGET`; options go before the host."""
        return ["ssh", "-F", self.config(user), *options, "-J", "gw", f"{login}@{target}"]

    def direct(self, *options, user="alice", target="web", login=LOGIN):
        """Returns the words of `ssh LOGIN@TARGET@GATEWAY`."""
        return ["ssh", "-F", self.config(user), "-p", str(self.port), *options,
                f"{login}@{target}@127.0.0.1"]

    def plain(self, *options):
        """Returns the words of an ssh to the target without a gateway."""
        return ["ssh", "-F", self.config(), *options, "plain"]

    def routes(self, *options):
        """Returns the words for both routes through the gateway."""
        return [self.jump(*options), self.direct(*options)]

    # Auditors.

    def gatetape(self, *words, **options):
        return run([f"{BIN}/gatetape", "--dir", self.dir, *words], **options)

    def query(self, *words):
        """Returns the objects that a listing verb prints."""
        ran = self.gatetape(*words, "-o", "json")
        if ran.returncode != 0:
            raise AssertionError(f"{words}: {ran.returncode} {ran.stderr.decode()}")
        return json.loads(ran.stdout)

    def sql(self, text):
        """Returns the rows of an SQL query of the superuser, each a list of texts."""
        command = [*self.as_owner(), "psql", "-X", "-q", "-A", "-t", "-F", "\x1f",
                   "-v", "ON_ERROR_STOP=1", "-h", self.sql_folder, "-U", "gatetape_owner",
                   "-d", "gatetape", "-c", text]
        ran = run(command, cwd="/")
        if ran.returncode != 0:
            raise AssertionError(f"{text}: {ran.stderr.decode()}")
        return [line.split("\x1f") for line in ran.stdout.decode().splitlines()]

    def account(self, daemon):
        """Returns the account that "postgres", "recorder", "auditd" or "gateway" runs as."""
        return runners.account(daemon)

    def as_account(self, daemon):
        """Returns the words before a command that the account of a daemon is to run."""
        if os.getuid() != 0:
            return []
        return ["setpriv", f"--reuid={self.account(daemon)}", f"--regid={runners.GROUP}",
                "--clear-groups"]

    def as_owner(self):
        """Returns the words before a command of the superuser of PostgreSQL."""
        return self.as_account("postgres")

    def psql(self, role):
        """Returns the words of a psql that reads SQL from its standard input."""
        daemon = role.removeprefix("gatetape_").replace("owner", "postgres")
        return [*self.as_account(daemon), "psql", "-X", "-q", "-A", "-t", "-h",
                f"{self.dir}/run/db", "-U", role, "gatetape"]

    def tamper(self, text):
        """Runs SQL as a superuser who has switched the guards off."""
        self.sql(f"set session_replication_role = replica; {text}")

    def newest_session(self):
        """Returns the id of the session that began last."""
        return self.sql("select session_id from gatetape.session where kind = 'session' "
                        "order by started_at desc limit 1")[0][0]

    def session_of(self, command, closed=True):
        """Returns the id of the session in which `command` was an exec request, once it is
        closed."""
        found = wait_until(lambda: self.sql(
            "select session_id from gatetape.event where name = 'exec' "
            f"and text = $t${stored_text(command)}$t$ order by session_id desc limit 1"),
            f"{command} is stored")
        if closed:
            self.wait_closed(found[0][0])
        return found[0][0]

    def wait_closed(self, session):
        wait_until(lambda: self.sql(
            f"select 1 from gatetape.head where session_id = '{session}'"), "the session is closed")

    def events(self, session, name=None):
        """Returns (name, text, fields) of the events of a session, in order."""
        rows = self.sql("select name, text, fields from gatetape.event "
                        f"where session_id = '{session}' order by seq")
        found = [(row[0], row[1], json.loads(row[2])) for row in rows]
        return [event for event in found if name in (None, event[0])]

    def system_events(self, name):
        """Returns (name, text, fields) of the events of that name in the system sessions."""
        rows = self.sql("select e.name, e.text, e.fields from gatetape.event e "
                        "join gatetape.session s using (session_id) "
                        f"where s.kind = 'system' and e.name = '{name}' "
                        "order by e.session_id, e.seq")
        return [(row[0], row[1], json.loads(row[2])) for row in rows]

    def works(self):
        """Returns whether a new session goes all the way."""
        return run([*self.direct(), "echo works"]).stdout == b"works\n"

    def wait_all_closed(self):
        """Waits until every session of a user has its signed head."""
        wait_until(lambda: self.sql(
            "select count(*) from gatetape.session s left join gatetape.head h using (session_id) "
            "where s.kind = 'session' and h.session_id is null") == [["0"]], "sessions are closed")

    def tampered(self):
        """Returns the verdicts of `gatetape verify --all` that accuse somebody; waits until auditd
        can give them."""
        ran = wait_until(self.ran_verify, "the record is verified")
        verdicts = [line.split(",")[:5] for line in ran.stdout.decode().splitlines()[1:]]
        return [verdict for verdict in verdicts if verdict[0] not in ("intact", "unsigned")]

    def ran_verify(self):
        ran = self.gatetape("verify", "--all", "-o", "csv")
        return ran if ran.returncode in (0, 5) else None


def stored_text(command):
    """Returns a command, text or bytes, in the form of derived text (docs/FORMAT.md section 8)."""
    text = os.fsdecode(command).replace("\\", "\\\\")
    return re.sub("[\\x00-\\x1f\\x7f-\\x9f\\udc80-\\udcff]",
                  lambda found: "".join(f"\\x{byte:02x}" for byte in os.fsencode(found[0])), text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
