"""A test case with a stack under load: sessions freeze in a fault and go on after it, all of them,
with nothing lost or doubled."""

import contextlib
import time
import unittest

import harness
import runners
import witness

FREEZE = "freeze_timeout_s = 300"  # no session ends only because this machine is slow

# Before login, or when a login was still recorded and its session was not.
REFUSED = "gatetape: (recording is not available|the recorder has not answered)"


def nothing_passes(load):
    """Waits until what passed stays what it is for a second."""
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
        """Runs methods, each named for what it shows, on one stack and under one load."""
        for fault in faults:
            with self.subTest(fault.__name__):
                fault()

    def frozen_and_refused(self, reason=""):
        """Sessions stand still, and a new one is refused with a reason that people can read."""
        nothing_passes(self.load)
        ran = harness.run([*self.stack.direct(), "echo refused"])
        self.assertEqual(ran.stdout, b"")
        self.assertRegex(ran.stderr.decode(), REFUSED)
        self.assertIn(reason, ran.stderr.decode())

    @contextlib.contextmanager
    def goes_on_after(self, what):
        """All sessions go on after the block, by themselves."""
        yield
        took_s = self.load.seconds_until_typing_passes()
        print(f"{what}: sessions went on {took_s:.2f} s after it", flush=True)
        self.assertEqual(self.load.unrecorded(), [])

    def logged(self, daemon, event):
        return [line for line in self.stack.log(daemon) if line["event"] == event]

    def doctor(self):
        return self.stack.gatetape("doctor").stdout.decode()
