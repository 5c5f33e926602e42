"""`gatetape up` as root gives each daemon an account of its own, and as another user says what is
not separated. Each boundary is tried by a process of the account that must not cross it."""

import os
import pwd
import shutil
import subprocess
import unittest

import harness
import runners

PARTS = ("postgres", "recorder", "auditd", "gateway")
KEYS = {"gateway_sign": "gateway", "gateway_host": "gateway", "user_ca": "gateway",
        "host_ca": "gateway", "recorder_sign": "recorder", "auditd_sign": "auditd"}
ROLES = {"gatetape_owner": "postgres", "gatetape_recorder": "recorder",
         "gatetape_auditd": "auditd"}
stack = None


def setUpModule():
    global stack
    if os.getuid() != 0:
        raise unittest.SkipTest("only root can have accounts")
    stack = harness.Stack()


def tearDownModule():
    if stack is not None:
        stack.close_covered()


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def program_of(part):
    return part if part == "postgres" else f"gatetape-{part}"


class Apart(unittest.TestCase):
    def as_account(self, part, *words):
        return harness.run([*stack.as_account(part), *words], cwd="/")

    def test_each_daemon_runs_as_its_own_account_and_can_gain_nothing(self):
        for part in PARTS:
            pid = stack.pid(program_of(part))
            status = status_of(pid)
            uid = pwd.getpwnam(stack.account(part)).pw_uid
            self.assertEqual(status["Uid"].split(), [str(uid)] * 4, part)
            with open(f"/proc/{pid}/limits", encoding="ascii") as file:
                core = next(line for line in file if line.startswith("Max core file size"))
            self.assertEqual(core.split()[4:6], ["0", "0"], part)
            if part == "postgres":
                continue
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), part)
            for kind in ("CapEff", "CapPrm", "CapAmb"):
                self.assertEqual(status[kind], "0" * 16, (part, kind))
            # A process that is not dumpable belongs to root below /proc.
            self.assertEqual(os.stat(f"/proc/{pid}/mem").st_uid, 0, part)

    def test_a_key_is_readable_for_its_daemon_alone(self):
        for key, owner in KEYS.items():
            for part in PARTS:
                ran = self.as_account(part, "cat", f"{stack.dir}/keys/{key}.pem")
                self.assertEqual(ran.returncode == 0, part == owner, (key, part, ran.stderr))

    def test_an_account_connects_as_its_own_role_and_the_gateway_as_none(self):
        for role, owner in ROLES.items():
            for part in PARTS:
                ran = self.as_account(part, "psql", "-X", "-h", f"{stack.dir}/run/db", "-U", role,
                                      "-d", "gatetape", "-c", "select 1")
                self.assertEqual(ran.returncode == 0, part == owner, (role, part, ran.stderr))

    def test_no_daemon_can_change_the_files_of_the_stack_or_listen_for_another(self):
        for part in PARTS:
            for name in ("gatetape.toml", "access.toml", "keys", "log", "run", "."):
                ran = self.as_account(part, "test", "-w", f"{stack.dir}/{name}")
                self.assertEqual(ran.returncode, 1, (part, name))
            for folder, owner in (("db", "postgres"), ("recorder", "recorder"),
                                  ("auditd", "auditd")):
                ran = self.as_account(part, "test", "-w", f"{stack.dir}/run/{folder}")
                self.assertEqual(ran.returncode == 0, part == owner, (part, folder))

    def test_the_recorder_takes_the_accounts_of_the_writers_and_auditd_those_of_nobody(self):
        ran = self.as_account("gateway", f"{harness.program_for_all('gatetape')}", "--dir",
                              stack.dir, "ls")
        self.assertEqual(ran.returncode, 6, ran.stderr)
        self.assertTrue(stack.works())
        peers = {line["peer"] for line in stack.log("recorder") if line["event"] == "stream_opened"}
        self.assertEqual(peers, {f"uid {pwd.getpwnam(stack.account(part)).pw_uid}"
                                 for part in ("gateway", "auditd")})

    def test_the_gateway_keeps_its_copy_of_the_rules_where_it_may_write(self):
        stack.reload()
        harness.wait_until(lambda: os.path.exists(f"{stack.dir}/gateway/access.toml.good"),
                           "the rules are kept")

    def test_rules_that_an_editor_has_replaced_are_read(self):
        stack.write_access("\n# edited\n")
        os.rename(f"{stack.dir}/access.toml", f"{stack.dir}/access.toml~")
        with open(f"{stack.dir}/access.toml~", encoding="utf-8") as old:
            harness.write(f"{stack.dir}/access.toml", old.read())
        os.chmod(f"{stack.dir}/access.toml", 0o640)
        self.assertEqual(stack.reload()["event"], "access_loaded")

    def test_a_folder_below_one_of_root_alone_is_named(self):
        closed = f"{stack.folder}/closed"
        os.mkdir(closed, 0o700)
        ran = harness.run([f"{harness.BIN}/gatetape", "--dir", f"{closed}/stack", "up", "--once"])
        self.assertEqual(ran.returncode, 4, ran.stderr)
        self.assertIn(f"cannot enter {closed}: run `chmod o+x {closed}`", ran.stderr.decode())

    def test_another_user_is_told_what_is_not_separated(self):
        folder = f"{stack.folder}/of_nobody"
        os.mkdir(folder, 0o755)
        shutil.chown(folder, "nobody")
        bin_folder = os.path.dirname(harness.program_for_all("gatetape"))
        for name in ("gatetape-recorder", "gatetape-auditd", "gatetape-gateway"):
            if not os.path.exists(f"{bin_folder}/{name}"):
                shutil.copy(f"{harness.BIN}/{name}", bin_folder)
        migrations = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../migrations")
        shutil.copytree(migrations, f"{folder}/migrations")
        up = [f"{bin_folder}/gatetape", "--dir", f"{folder}/stack", "up", "--listen",
              f"127.0.0.1:{harness.free_port()}"]
        words = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env",
                 f"GATETAPE_MIGRATIONS={folder}/migrations", *up]
        with subprocess.Popen(words, stdout=subprocess.PIPE, cwd="/") as process:
            try:
                text = b""
                while b"Ctrl-C stops it" not in text:
                    line = process.stdout.readline()
                    self.assertTrue(line, text)
                    text += line
                self.assertIn(b"Not separated: gateway, recorder, auditd and PostgreSQL all run "
                              b"as nobody", text)
                for part in PARTS:
                    pid = runners.children_of(process.pid)[program_of(part)]
                    self.assertEqual(status_of(pid)["Uid"].split()[1],
                                     str(pwd.getpwnam("nobody").pw_uid))
            finally:
                process.terminate()


if __name__ == "__main__":
    unittest.main()
