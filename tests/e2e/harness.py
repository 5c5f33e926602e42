"""One whole gatetape in a fresh folder, a stock sshd as its target, and stock clients to reach it.

A test module starts one Stack in setUpModule and closes it in tearDownModule; its tests share it.
"""

import atexit
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from machine import (LOGIN, WAIT_S, Target, Terminal, by_tier, can_connect, children_of,
                     free_port, make_key, metric, processor_s, public_key, resident_bytes, run,
                     wait_until)

__all__ = ["BIN", "LOGIN", "WAIT_S", "Stack", "Target", "Terminal", "by_tier", "can_connect",
           "children_of", "free_port", "make_key", "metric", "processor_s", "public_key",
           "resident_bytes", "run", "wait_until"]

BIN = os.environ.get("GATETAPE_BIN") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../build/release/bin")

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

ACCESS = """\
[[user]]
name = "alice"
keys = ["{alice}"]
roles = ["full"]

[[user]]
name = "bob"
keys = ["{bob}"]
roles = ["commands"]

[[user]]
name = "carol"
keys = ["{carol}"]
roles = ["shells"]

{targets}

[[role]]
name = "full"
targets = ["*"]
logins = ["{login}"]
allow = ["shell", "exec", "sftp"]

[[role]]
name = "commands"
targets = ["web"]
logins = ["{login}"]
allow = ["exec"]

[[role]]
name = "shells"
targets = ["web"]
logins = ["{login}"]
allow = ["shell"]
"""


class Stack:
    """`gatetape up` with three users and the targets web (an sshd), gone (nobody listens) and
    changed (web's sshd, with another host key in access.toml)."""

    def __init__(self, settings=None):
        self.folder = tempfile.mkdtemp(prefix="gatetape_e2e_")
        os.chmod(self.folder, 0o755)
        atexit.register(self.close)
        self.dir = f"{self.folder}/state"
        self.sql_folder = f"{self.dir}/run"  # with the socket of the PostgreSQL that sql() asks
        self.port = free_port()
        self.keys = {}
        for user in ("alice", "bob", "carol", "stranger"):
            make_key(f"{self.folder}/{user}")
            self.keys[user] = public_key(f"{self.folder}/{user}")
        make_key(f"{self.folder}/other_host_key")
        self.up = None
        self.start()
        if settings:
            self.add_settings(settings)
            self.restart("gatetape-gateway")
        self.targets = {}
        self.target = self.add_target("web")
        self.write_client_files()

    def start(self):
        self.up_log = open(f"{self.folder}/up.log", "ab")
        self.up = subprocess.Popen(
            [f"{BIN}/gatetape", "--dir", self.dir, "up", "--listen", f"127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL, stdout=self.up_log, stderr=self.up_log)
        wait_until(lambda: self.up.poll() is not None or "gatetape is up" in self.up_output(),
                   "gatetape up", 2 * WAIT_S)
        if self.up.poll() is not None:
            raise AssertionError(f"gatetape up ended: {self.up_output()}")

    def restart(self, daemon):
        """Ends a daemon; the supervisor starts it again."""
        old = self.pid(daemon)
        os.kill(old, signal.SIGTERM)
        wait_until(lambda: self.pid(daemon) != old and can_connect(self.port), f"{daemon} restarts")

    def add_target(self, name, more=""):
        """Starts an sshd of that name and lets alice reach it."""
        self.targets[name] = Target(f"{self.folder}/target_{name}",
                                    self.gatetape("ca").stdout.decode(), self.keys["alice"], more)
        self.write_access()
        self.reload()
        return self.targets[name]

    def stop(self):
        """SIGTERM; gives the exit code of `gatetape up`."""
        self.up.terminate()
        code = self.up.wait(2 * WAIT_S)
        self.up_log.close()
        os.remove(f"{self.folder}/up.log")
        return code

    def close(self):
        atexit.unregister(self.close)
        if self.up is not None and self.up.poll() is None:
            self.stop()
        for target in getattr(self, "targets", {}).values():
            target.stop()
        if os.environ.get("GATETAPE_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder)

    def up_output(self):
        with open(f"{self.folder}/up.log", encoding="utf-8") as file:
            return file.read()

    def log(self, daemon):
        """Its log so far, one dictionary a line."""
        with open(f"{self.dir}/log/{daemon}.log", encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.startswith("{")]

    def pid(self, daemon):
        """The process of a daemon, as soon as there is one."""
        return wait_until(lambda: children_of(self.up.pid).get(daemon), f"{daemon} runs")

    def add_settings(self, settings):
        """Adds lines to sections of gatetape.toml: {"gateway": "freeze_timeout_s = 2"}."""
        path = f"{self.dir}/gatetape.toml"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for section, lines in settings.items():
            text = text.replace(f"[{section}]\n", f"[{section}]\n{lines}\n")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def write_access(self, more=""):
        other_key = public_key(f"{self.folder}/other_host_key")
        targets = [(name, target.port, target.host_key())
                   for name, target in self.targets.items()]
        targets += [("gone", free_port(), other_key),
                    ("changed", self.targets["web"].port, other_key)]
        text = ACCESS.format(
            **{user: self.keys[user] for user in ("alice", "bob", "carol")}, login=LOGIN,
            targets="\n\n".join(f'[[target]]\nname = "{name}"\naddress = "127.0.0.1:{port}"\n'
                                f'host_keys = ["{key}"]' for name, port, key in targets))
        with open(f"{self.dir}/access.toml", "w", encoding="utf-8") as file:
            file.write(text + more)

    def reload(self):
        """SIGHUP; gives the gateway's log line about the access file."""
        before = len(self.access_lines())
        self.up.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.access_lines()) > before, "the access file was read")
        return self.access_lines()[-1]

    def access_lines(self):
        return [line for line in self.log("gateway")
                if line["event"] in ("access_loaded", "access_refused")]

    def write_client_files(self):
        with open(f"{self.dir}/keys/gateway_host.pub", encoding="ascii") as file:
            gateway_key = file.read().strip()
        with open(f"{self.folder}/known_hosts", "w", encoding="ascii") as file:
            file.write(f"[127.0.0.1]:{self.port} {gateway_key}\n"
                       f"{self.gatetape('ca', '--host').stdout.decode()}"
                       f"plain {self.target.host_key()}\n")
        for user in self.keys:
            with open(f"{self.folder}/{user}.conf", "w", encoding="ascii") as file:
                file.write(CLIENT_CONFIG.format(
                    dir=self.folder, user=user, login=LOGIN, gateway_port=self.port,
                    target_port=self.target.port))

    # Clients.

    def config(self, user="alice"):
        return f"{self.folder}/{user}.conf"

    def jump(self, *options, user="alice", target="web", login=LOGIN):
        """The words of `ssh -J gw LOGIN@TARGET`; options go before the host."""
        return ["ssh", "-F", self.config(user), *options, "-J", "gw", f"{login}@{target}"]

    def direct(self, *options, user="alice", target="web", login=LOGIN):
        """The words of `ssh LOGIN@TARGET@GATEWAY`."""
        return ["ssh", "-F", self.config(user), "-p", str(self.port), *options,
                f"{login}@{target}@127.0.0.1"]

    def plain(self, *options):
        """The words of an ssh to the target without a gateway."""
        return ["ssh", "-F", self.config(), *options, "plain"]

    def routes(self, *options):
        """Both ways through the gateway."""
        return [self.jump(*options), self.direct(*options)]

    # Auditors.

    def gatetape(self, *words, **options):
        return run([f"{BIN}/gatetape", "--dir", self.dir, *words], **options)

    def query(self, *words):
        """The objects that a listing verb gives."""
        ran = self.gatetape(*words, "-o", "json")
        if ran.returncode != 0:
            raise AssertionError(f"{words}: {ran.returncode} {ran.stderr.decode()}")
        return json.loads(ran.stdout)

    def sql(self, text):
        """Rows of an SQL query as the superuser, each a list of texts."""
        command = ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1",
                   "-h", self.sql_folder, "-U", "gatetape_owner", "-d", "gatetape", "-c", text]
        if os.getuid() == 0:
            command = ["setpriv", f"--reuid={self.owner()}", f"--regid={self.owner()}",
                       "--clear-groups", *command]
        ran = run(command, cwd="/")
        if ran.returncode != 0:
            raise AssertionError(f"{text}: {ran.stderr.decode()}")
        return [line.split("\x1f") for line in ran.stdout.decode().splitlines()]

    def owner(self):
        return pwd.getpwuid(os.stat(self.dir).st_uid).pw_name

    def tamper(self, text):
        """What a superuser can do who switches the guards off."""
        self.sql(f"set session_replication_role = replica; {text}")

    def newest_session(self):
        """The id of the session that began last."""
        return self.sql("select session_id from gatetape.session where kind = 'session' "
                        "order by started_at desc limit 1")[0][0]

    def session_of(self, command, closed=True):
        """The id of the session in which `command` was an exec request, as soon as it is closed."""
        found = wait_until(lambda: self.sql(
            "select session_id from gatetape.event where name = 'exec' "
            f"and text = $t${command}$t$ order by session_id desc limit 1"), f"{command} is stored")
        if closed:
            self.wait_closed(found[0][0])
        return found[0][0]

    def wait_closed(self, session):
        wait_until(lambda: self.sql(
            f"select 1 from gatetape.head where session_id = '{session}'"), "the session is closed")

    def events(self, session, name=None):
        """(name, text, fields) of a session's events, in order."""
        rows = self.sql("select name, text, fields from gatetape.event "
                        f"where session_id = '{session}' order by seq")
        found = [(row[0], row[1], json.loads(row[2])) for row in rows]
        return [event for event in found if name in (None, event[0])]

    def system_events(self, name):
        """(name, text, fields) of that kind in the daemons' own records."""
        rows = self.sql("select e.name, e.text, e.fields from gatetape.event e "
                        "join gatetape.session s using (session_id) "
                        f"where s.kind = 'system' and e.name = '{name}' "
                        "order by e.session_id, e.seq")
        return [(row[0], row[1], json.loads(row[2])) for row in rows]
