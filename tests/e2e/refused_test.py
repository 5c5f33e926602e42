"""Logins that are refused: how many frames they cause, and that fail2ban bans their address by the
filter that the package ships. Probes with public keys, and the end of connections."""

import concurrent.futures
import contextlib
import os
import pathlib
import subprocess
import time
import unittest

import harness
from fail2ban.server.failregex import FailRegex

PACKAGED = pathlib.Path(__file__).resolve().parents[2] / "packaging/fail2ban"
ATTACKER, STRANGERS = "127.0.4.1", 24
JAIL = """\
[DEFAULT]
[gatetape]
enabled = true
filter = gatetape
logpath = {log}
backend = polling
maxretry = 20
findtime = 10m
bantime = 1h
ignoreself = false
action = notes
"""
ACTION = "[Definition]\nactionban = echo <ip> >> {banned}\nactionunban =\n"
SERVER = ("[Definition]\nloglevel = INFO\nlogtarget = {dir}/fail2ban.log\nsyslogsocket = auto\n"
          "socket = {dir}/fail2ban.sock\npidfile = {dir}/fail2ban.pid\ndbfile = None\n")
stack = None


def setUpModule():
    global stack
    stack = harness.Stack()
    stack.start()


def tearDownModule():
    stack.close_covered()


def refused_lines(address=ATTACKER):
    return [line for line in stack.log("gateway") if line["event"] == "login_refused"
            and line["source"].rpartition(":")[0] == address]


def frames(name, address=ATTACKER):
    return [fields for _, _, fields in stack.system_events(name)
            if fields["source"].rpartition(":")[0] == address]


def stranger(_):
    """Tries one unknown key and leaves."""
    return harness.run([*stack.direct("-b", ATTACKER, user="stranger"), "true"]).returncode


def filter_of_fail2ban(log):
    """Returns the addresses that fail2ban-regex finds in a log by the shipped filter."""
    ran = harness.run(["fail2ban-regex", "-o", "ip", str(log),
                       f"{PACKAGED}/filter.d/gatetape.conf"])
    return ran.stdout.decode().split()


@contextlib.contextmanager
def fail2ban(banned):
    """Runs a fail2ban that has the packaged filter and writes the addresses that it bans to a
    file."""
    folder = banned.parent
    config = folder / "config"
    for part in ("filter.d", "action.d"):
        (config / part).mkdir(parents=True)
    os.symlink(PACKAGED / "filter.d/gatetape.conf", config / "filter.d/gatetape.conf")
    (config / "action.d/notes.conf").write_text(ACTION.format(banned=banned), "ascii")
    (config / "fail2ban.conf").write_text(SERVER.format(dir=folder), "ascii")
    (config / "jail.conf").write_text(JAIL.format(log=f"{stack.dir}/log/gateway.log"), "ascii")
    with subprocess.Popen(["fail2ban-server", "-f", "-c", config, "-s", folder / "fail2ban.sock",
                           "-p", folder / "fail2ban.pid", "start"],
                          stdout=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.terminate()


class Refused(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """An attack of one address, from which alice logs in too."""
        cls.banned = pathlib.Path(stack.folder) / "fail2ban/banned"
        cls.enterClassContext(fail2ban(cls.banned))
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            attack = [pool.submit(stranger, number) for number in range(STRANGERS)]
            cls.alice = harness.run([*stack.direct("-b", ATTACKER), "echo in"])
            cls.alice_took_s = time.monotonic() - started
            cls.ended = [one.result() for one in attack]
        cls.took_s = time.monotonic() - started

    def test_many_refused_logins_are_few_frames(self):
        self.assertEqual(self.ended, [255] * STRANGERS)
        self.assertEqual(len(refused_lines()), STRANGERS)

        def counted():
            return sum(int(fields.get("count", 1)) for fields in frames("auth_attempt")
                       if fields["result"] == "refused")
        harness.wait_until(lambda: counted() == STRANGERS, "each is counted", 15)
        found = [fields for fields in frames("auth_attempt") if fields["result"] == "refused"]
        windows = self.took_s // 10 + 1
        self.assertLessEqual(len(found), 4 * windows, found)
        self.assertGreaterEqual(len([one for one in found if "count" not in one]), 3)
        self.assertTrue(all("first_at" in one for one in found if "count" in one), found)

    def test_the_address_is_delayed_and_a_known_user_is_not(self):
        self.assertEqual(self.alice.stdout, b"in\n", self.alice.stderr)
        accepted = [one for one in frames("auth_attempt") if one["result"] == "accepted"]
        self.assertEqual([(one["user"].partition("@")[0], "count" in one) for one in accepted],
                         [(harness.LOGIN, False)])
        self.assertGreater(self.took_s, 9)
        self.assertLess(self.alice_took_s, 5)
        self.assertGreaterEqual(len(frames("address_delayed")), 1)

    def test_the_filter_finds_refused_logins_and_no_forged_address(self):
        self.assertEqual(filter_of_fail2ban(f"{stack.dir}/log/gateway.log").count(ATTACKER),
                         STRANGERS)
        lines = pathlib.Path(stack.folder) / "lines"
        begin = '{"ts":"2026-11-30T08:20:01.123Z","program":"gatetape-gateway","level":"warn",'
        lines.write_text("\n".join([
            begin + '"event":"login_refused","source":"[2001:db8::7]:4711","user":'
            '"x\\",\\"source\\":\\"192.0.2.2:1\\",\\""}',
            begin + '"event":"connection_refused","source":"203.0.113.8:1","detail":"x"}',
            begin + '"event":"x","detail":"\\"event\\":\\"login_refused\\",\\"source\\":'
            '\\"192.0.2.1:1\\",\\"","source":"203.0.113.9:1"}']) + "\n", encoding="utf-8")
        self.assertEqual(filter_of_fail2ban(lines), ["2001:db8::7"])

    def test_the_filter_reads_lines_of_the_journal(self):
        config = (PACKAGED / "filter.d/gatetape.conf").read_text(encoding="utf-8")
        regex = FailRegex(next(line.partition("= ")[2] for line in config.splitlines()
                               if line.startswith("failregex")))
        log = pathlib.Path(stack.dir, "log/gateway.log").read_text("utf-8")
        line = next(text for text in log.splitlines()
                    if "login_refused" in text and ATTACKER in text)
        regex.search([("", "2026-11-30T08:20:01 ", f"host gatetape-gateway[4711]: {line}")])
        self.assertTrue(regex.hasMatched(), line)
        self.assertEqual(regex.getFailID(), ATTACKER)

    def test_fail2ban_bans_the_address(self):
        harness.wait_until(self.banned.exists, "fail2ban bans", 15)
        self.assertEqual(self.banned.read_text("ascii").split(), [ATTACKER])

    def test_the_packaged_jail_uses_the_packaged_filter(self):
        jail = (PACKAGED / "jail.d/gatetape.conf").read_text(encoding="utf-8")
        self.assertIn("filter = gatetape\n", jail)


class Connections(unittest.TestCase):
    def test_a_probe_with_a_known_public_key_is_recorded(self):
        public = pathlib.Path(stack.folder) / "probe.pub"
        public.write_text(stack.keys["alice"] + "\n", "ascii")
        ran = harness.run([*stack.direct("-b", "127.0.4.2", "-i", public, user="stranger"), "true"])
        self.assertEqual(ran.returncode, 255)
        found = harness.wait_until(lambda: frames("key_probe", "127.0.4.2"), "it is recorded")
        fingerprint = harness.run(["ssh-keygen", "-lf", public]).stdout.decode().split()[1]
        self.assertEqual([(one["user"], one["count"], one["key_fingerprints"]) for one in found],
                         [(f"{harness.LOGIN}@web", "1", fingerprint)])

    def test_the_end_of_a_connection_that_logged_in_is_recorded(self):
        for number, words in enumerate((stack.jump(), stack.direct())):
            command = f"echo connection {number}"
            self.assertEqual(harness.run([*words, command]).returncode, 0)
            session = stack.session_of(command)
            opened = stack.events(session, "session_open")[0][2]
            found = harness.wait_until(lambda opened=opened: [
                fields for _, _, fields in stack.system_events("connection_end")
                if fields["connection"] == opened["connection"]], "its end is recorded")
            self.assertEqual([(one["user"], one["reason"], one["source"]) for one in found],
                             [("alice", "client", opened["source"])])
            self.assertLessEqual(int(found[0]["started_at"]), int(opened["started_at"]))

    def test_an_ordinary_login_is_no_probe(self):
        self.assertTrue(stack.works())
        self.assertEqual(frames("key_probe", "127.0.0.1"), [])


if __name__ == "__main__":
    unittest.main()
