"""A test case with a stack under load. During a fault sessions freeze; after it every session goes
on, and no byte is lost or doubled."""

import contextlib
import time
import unittest

import harness
import runners
import witness

FREEZE = "freeze_timeout_s = 300"  # So that no session ends because the machine is slow.

# What a client reads when its login, or its session after the login, cannot be recorded.
REFUSED = "gatetape: (recording is not available|the recorder has not answered)"


def nothing_passes(load):
    """Waits until no byte passes for a second."""
    def still():
        before = load.passed_bytes()
        time.sleep(1)
        return load.passed_bytes() == before
    harness.wait_until(still, "nothing passes")


class UnderLoad(unittest.TestCase):
    """`new_stack` makes the stack of a test."""

    SIZES = {"type": 4, "sink": 1, "source": 1, "sftp": 1}

    def new_stack(self):
        return harness.Stack({"gateway": FREEZE}, runners.Separate())

    def setUp(self):
        self.stack = self.new_stack()
        self.addCleanup(self.stack.close)
        self.load = witness.Load(self.stack, f"{self.stack.folder}/witness", self.SIZES)
        self.addCleanup(self.load.kill)
        self.load.wait_all_pass()

    def tearDown(self):
        self.assertEqual([client.name for client in self.load.stop()], [])
        self.assertEqual(len(self.load.clients), len(self.load.live), "a session ended")
        self.stack.wait_all_closed()
        self.assertEqual(witness.not_whole(self.load.clients, self.stack.sql), [])
        self.assertEqual(self.stack.tampered(), [])

    def in_turn(self, *faults):
        """Runs methods, each named for what it proves, on one stack and under one load."""
        for fault in faults:
            with self.subTest(fault.__name__):
                fault()

    def frozen_and_refused(self, reason=""):
        """Checks that sessions stand still and that a new session is refused with a reason."""
        nothing_passes(self.load)
        ran = harness.run([*self.stack.direct(), "echo refused"])
        self.assertEqual(ran.stdout, b"")
        self.assertRegex(ran.stderr.decode(), REFUSED)
        self.assertIn(reason, ran.stderr.decode())

    @contextlib.contextmanager
    def goes_on_after(self, what):
        """Checks that all sessions go on by themselves after the block."""
        yield
        took_s = self.load.seconds_until_typing_passes()
        print(f"{what}: sessions went on {took_s:.2f} s after it", flush=True)
        self.assertEqual(self.load.unrecorded(), [])

    def logged(self, daemon, event):
        return [line for line in self.stack.log(daemon) if line["event"] == event]

    def doctor(self):
        return self.stack.gatetape("doctor").stdout.decode()
