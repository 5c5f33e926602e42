"""After a reload, what is no longer allowed ends within a second, is recorded, and the user reads
why."""

import contextlib
import datetime
import os
import subprocess
import time
import unittest

import harness

LIMIT_S = 1
SFTP_INIT = b"\0\0\0\5\1\0\0\0\3"  # version 3
CHANGED = "the access rules have changed"

stack = None


def setUpModule():
    global stack
    stack = harness.Stack()


def tearDownModule():
    stack.close_covered()


def change(*replacements):
    """Loads other rules: each (from, to) is replaced in the usual ones. Without any, the usual
    ones."""
    stack.write_access()
    path = f"{stack.dir}/access.toml"
    text = harness.read(path)
    for old, new in replacements:
        if old not in text:
            raise AssertionError(f"{old} is not in access.toml:\n{text}")
        text = text.replace(old, new, 1)
    harness.write(path, text)
    line = stack.reload()
    if line["event"] != "access_loaded":
        raise AssertionError(line)
    return time_of(line)


def time_of(line):
    return datetime.datetime.fromisoformat(line["ts"].replace("Z", "+00:00")).timestamp()


class Program:
    """A program of a stock client that goes on until it is ended: it echoes its lines."""

    def __init__(self, words):
        self.process = subprocess.Popen([*words, "echo up; exec cat"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.process.stdout.readline() != b"up\n":
            raise AssertionError(self.process.communicate())
        self.session = stack.newest_session()

    def echoes(self):
        self.process.stdin.write(b"still here\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == b"still here\n"

    def wait(self):
        """Waits for the end; returns the exit status and what the user read."""
        self.process.wait(harness.WAIT_S)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        told = self.process.stderr.read().decode()
        self.close()
        return self.process.returncode, told

    def close(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Revoked(unittest.TestCase):
    def tearDown(self):
        change()

    def start(self, words):
        program = Program(words)
        self.addCleanup(program.close)
        return program

    def check_revoked(self, program, since_s, why):
        status, told = program.wait()
        self.assertEqual(status, 255)
        self.assertEqual(told.count(why), 1, told)
        self.assertIn(CHANGED, told)
        stack.wait_closed(program.session)
        [(_, _, end)] = stack.events(program.session, "session_end")
        self.assertEqual((end["reason"], end["detail"]), ("revoked", why))
        [line] = [line for line in stack.log("gateway") if line["event"] == "session_end"
                  and line["session"] == program.session]
        self.assertLess(time_of(line) - since_s, LIMIT_S)

    def denials(self, why):
        return [fields for _, _, fields in stack.system_events("access_denied")
                if fields["reason"] == f"{CHANGED}: {why}"]

    def test_a_session_ends_when_the_rules_do_not_grant_it_any_more(self):
        user = f'[[user]]\nname = "alice"\nkeys = ["{stack.keys["alice"]}"]\nroles = ["full"]\n'
        key = "the key with which alice logged in is not in access.toml any more"
        for old, new, why in (
                (user, "", "alice is not in access.toml any more"),
                (stack.keys["alice"], stack.keys["stranger"], key),
                ('roles = ["full"]', "roles = []",
                 f"alice may not log in to web as {harness.LOGIN}"),
                ('name = "web"', 'name = "web2"', "no target web")):
            with self.subTest(why=why, new=new):
                change()
                programs = [self.start(words) for words in stack.routes()]
                others = self.start(stack.direct(user="bob")) if "alice" in why else None
                since_s = change((old, new))
                for program in programs:
                    self.check_revoked(program, since_s, why)
                self.assertTrue(others is None or others.echoes())

    def test_a_revoked_channel_closes_alone(self):
        master = f"{stack.folder}/master"
        shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={master}"]
        command = self.start(stack.jump(*shared))
        subsystem = ["ssh", "-F", stack.config(), *shared, "-s", f"{harness.LOGIN}@web", "sftp"]
        sftp = subprocess.Popen(subsystem, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        self.addCleanup(sftp.kill)
        sftp.stdin.write(SFTP_INIT)
        sftp.stdin.flush()
        self.assertNotEqual(sftp.stdout.read(4), b"", "sftp does not run")
        since_s = change(('allow = ["shell", "exec", "sftp"]', 'allow = ["shell", "exec"]'))
        self.assertEqual(sftp.wait(harness.WAIT_S), 255)
        self.assertLess(time.time() - since_s, 3 * LIMIT_S)
        self.assertIn(f"gatetape: {CHANGED}: your roles do not allow sftp here",
                      sftp.communicate()[1].decode())
        self.assertTrue(command.echoes())
        self.assertNotEqual(harness.run(subsystem).returncode, 0)
        self.assertTrue(command.echoes())
        [(_, _, denied)] = stack.events(command.session, "denied")
        self.assertEqual(denied["reason"], "your roles do not allow sftp here")
        [(_, _, notice)] = stack.events(command.session, "notice")
        self.assertIn(CHANGED, notice["text"])

    def test_an_outer_connection_ends_with_its_credential(self):
        master = f"{stack.folder}/outer"
        outer = subprocess.Popen(["ssh", "-F", stack.config(), "-M", "-S", master, "-N", "gw"],
                                 stderr=subprocess.PIPE)
        self.addCleanup(outer.kill)
        harness.wait_until(lambda: os.path.exists(master), "the outer connection is open")
        through = ["ssh", "-F", stack.config(), "-o",
                   f"ProxyCommand=ssh -F {stack.config()} -S {master} -W %h:22 gw",
                   f"{harness.LOGIN}@web"]
        program = self.start(through)
        why = "the key with which alice logged in is not in access.toml any more"
        before = len(self.denials(why))
        since_s = change((stack.keys["alice"], stack.keys["stranger"]))
        self.check_revoked(program, since_s, why)
        outer.wait(harness.WAIT_S)
        self.assertLess(time.time() - since_s, 3 * LIMIT_S)
        self.assertIn(f"gatetape: {CHANGED}: {why}", outer.communicate()[1].decode())
        self.assertEqual(len(self.denials(why)), before + 1)
        ran = harness.run([*through, "true"])
        self.assertNotEqual(ran.returncode, 0)


if __name__ == "__main__":
    unittest.main()
