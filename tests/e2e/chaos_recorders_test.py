"""Two recorders on one PostgreSQL: when the one that records dies under load, sessions go on
through the other, and nothing is lost or doubled."""

import time
import unittest

import harness
import runners
import witness

LOAD = {"type": 8, "sink": 1, "source": 1, "sftp": 1}
ROUNDS = harness.by_tier(quick=2, full=4)
GOES_ON_S = 2.0  # A busy machine may exceed it once, but not twice in a row.
METRICS = {daemon: harness.free_port()
           for daemon in ("gatetape-recorder", runners.RECORDER_B)}
LOOK_S = 0.3
# The load stores more bytes of frames in that time; auditd's own record is smaller.
LOAD_BYTES_MIN = 20_000


class TwoMeasured(runners.Separate):
    """Two recorders with metrics."""

    def write_second_config(self):
        first, second = METRICS.values()
        super().write_second_config()
        path = f"{self.stack.dir}/{self.config_of(runners.RECORDER_B)}"
        harness.write(path, harness.read(path).replace(f":{first}\"", f":{second}\""))


def new_stack():
    first = METRICS["gatetape-recorder"]
    return harness.Stack(
        {"": 'recorders = ["unix:run/recorder/recorder.sock", "unix:run/recorder/recorder-b.sock"]',
         "recorder": f'metrics_listen = "127.0.0.1:{first}"'}, TwoMeasured(two_recorders=True))


def frame_bytes():
    """Returns how many bytes of frames each recorder has stored."""
    return {daemon: harness.metric(port, "gatetape_recorder_frame_bytes_total") or 0
            for daemon, port in METRICS.items()}


def holder():
    """Returns the recorder that the gateway uses: the one that stores the bytes of the load."""
    def find():
        before = frame_bytes()
        time.sleep(LOOK_S)
        now = frame_bytes()
        storing = [daemon for daemon in METRICS if now[daemon] - before[daemon] > LOAD_BYTES_MIN]
        return storing[0] if len(storing) == 1 else None
    return harness.wait_until(find, "one recorder stores")


class TwoRecorders(unittest.TestCase):
    def setUp(self):
        self.stack = new_stack()
        self.addCleanup(self.stack.close)
        self.load = witness.Load(self.stack, f"{self.stack.folder}/witness", LOAD)
        self.addCleanup(self.load.kill)
        self.load.wait_all_pass()

    def losses(self):
        return sum(1 for line in self.stack.log("gateway") if line["event"] == "recorder_lost")

    def fail_over_s(self):
        """Kills the recorder in use; returns for how many seconds sessions stood still."""
        name, before = holder(), self.losses()
        self.stack.daemons[name].kill()
        gap_s = self.load.seconds_until_typing_passes()
        print(f"{name} killed: every session went on after {gap_s:.2f} s", flush=True)
        self.assertGreater(self.losses(), before, "the gateway's log does not tell")
        self.assertNotEqual(holder(), name)
        self.assertEqual(self.load.unrecorded(), [])
        self.stack.daemons[name].start()
        return gap_s

    def test_sessions_go_on_through_the_other_recorder(self):
        for number in range(ROUNDS):
            with self.subTest(round=number):
                gap_s = self.fail_over_s()
                if gap_s > GOES_ON_S:
                    gap_s = self.fail_over_s()
                self.assertLessEqual(gap_s, GOES_ON_S)
        self.assertEqual([client.name for client in self.load.stop()], [])
        self.assertEqual(len(self.load.clients), len(self.load.live), "a session ended")
        self.stack.wait_all_closed()
        self.assertEqual(witness.not_whole(self.load.clients, self.stack.sql), [])
        self.assertEqual(self.stack.tampered(), [])


if __name__ == "__main__":
    unittest.main()
