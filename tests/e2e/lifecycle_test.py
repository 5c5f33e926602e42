"""Stopping ends sessions in order, starting again keeps the record, and a crash accuses nobody."""

import os
import signal
import subprocess
import unittest

import harness

stack = None


def setUpModule():
    global stack
    stack = harness.Stack()


def tearDownModule():
    stack.close()


class Lifecycle(unittest.TestCase):
    def open_session(self, command):
        """A session that is up; what it says comes through `process`."""
        process = subprocess.Popen([*stack.jump(), command], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"up\n")
        return process

    def verdicts(self):
        ran = stack.gatetape("verify", "--all", "-o", "json")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_stopping_ends_sessions_with_a_line_and_signs_them(self):
        process = self.open_session("echo up; cat # until the stop")
        self.assertEqual(stack.stop(), 0)
        errors = process.communicate(timeout=harness.WAIT_S)[1].decode()
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("the gateway is shutting down", errors)
        stack.start()
        session = stack.session_of("echo up; cat # until the stop", closed=False)
        self.assertEqual(len(stack.sql("select 1 from gatetape.head "
                                       f"where session_id = '{session}'")), 1)
        self.assertEqual(stack.events(session, "session_end")[0][2]["reason"], "shutdown")
        self.verdicts()

    def test_starting_again_keeps_the_record(self):
        self.assertEqual(harness.run([*stack.jump(), "echo kept"]).stdout, b"kept\n")
        session = stack.session_of("echo kept")
        self.assertEqual(stack.stop(), 0)
        stack.start()
        self.assertIn(session, [row["id"] for row in stack.query("ls")])
        self.assertEqual(harness.run([*stack.jump(), "echo and goes on"]).stdout, b"and goes on\n")
        self.verdicts()

    def test_a_gateway_that_is_killed_leaves_an_interrupted_session(self):
        process = self.open_session("echo up; cat # until the crash")
        os.kill(stack.pid("gatetape-gateway"), signal.SIGKILL)
        process.communicate(timeout=harness.WAIT_S)
        self.assertNotEqual(process.returncode, 0)
        harness.wait_until(lambda: harness.run([*stack.jump(), "echo again"]).stdout == b"again\n",
                           "the gateway is back")
        session = stack.session_of("echo up; cat # until the crash", closed=False)
        row = harness.wait_until(
            lambda: next((row for row in stack.query("ls")
                          if row["id"] == session and row["state"] != "live"), None),
            "the session is not live any more", 2 * harness.WAIT_S)
        self.assertEqual(row["state"], "interrupted")
        self.verdicts()

    def test_the_demonstration_shows_a_session_and_its_proof(self):
        ran = harness.run([f"{harness.BIN}/gatetape", "--dir", f"{stack.folder}/demo", "up",
                           "--demo", "--once", "--listen", f"127.0.0.1:{harness.free_port()}"])
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        for shown in (b"every keystroke is on record", b"$ gatetape search", b"intact"):
            self.assertIn(shown, ran.stdout)

    def test_two_stacks_on_one_folder_are_refused(self):
        ran = stack.gatetape("up")
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("already runs", (ran.stdout + ran.stderr).decode())


if __name__ == "__main__":
    unittest.main()
