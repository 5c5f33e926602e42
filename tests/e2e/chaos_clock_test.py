"""The gateway's wall clock is set back and forth by an hour while it runs: order and durations in
the record stay right, a frame tells of the jump, and a commit that hangs is noticed all the same.
"""

import os
import unittest

import chaos_load
import harness
import runners

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
HOUR_S = 3600
SLACK_S = 60


class MovedClock(runners.Separate):
    """The gateway's wall clock is the machine's plus as many seconds as a file says."""

    def before_daemons(self):
        self.set_clock(0)

    def environment(self, program):
        if program != "gatetape-gateway":
            return {}
        return {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": f"{self.stack.dir}/clock",
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set_clock(self, seconds):
        path = f"{self.stack.dir}/clock"
        harness.write(f"{path}.new", f"{seconds:+}\n")
        os.chmod(f"{path}.new", 0o644)
        os.rename(f"{path}.new", path)


@unittest.skipUnless(os.path.exists(FAKETIME), "the package faketime is not installed")
class Clock(chaos_load.UnderLoad):
    SIZES = {"type": 4}

    def new_stack(self):
        return harness.Stack({"gateway": chaos_load.FREEZE}, MovedClock())

    def jump(self, to_s, by_s):
        """Sets the clock and waits for the frame that says how far it moved."""
        before = len(self.stack.system_events("clock_jump"))
        self.stack.runner.set_clock(to_s)
        harness.wait_until(lambda: len(self.stack.system_events("clock_jump")) > before,
                           "a frame tells of the jump")
        fields = self.stack.system_events("clock_jump")[-1][2]
        self.assertAlmostEqual(int(fields["delta_ns"]) / 1e9, by_s, delta=SLACK_S)
        self.load.seconds_until_typing_passes()

    def test_sessions_outlive_jumps_of_the_clock(self):
        self.in_turn(self.order_and_durations_stay_right_when_the_clock_jumps,
                     self.a_commit_that_hangs_is_noticed_after_a_jump)

    def order_and_durations_stay_right_when_the_clock_jumps(self):
        self.jump(-HOUR_S, -HOUR_S)
        ran = harness.run([*self.stack.direct(), "echo refused"])
        self.assertRegex(ran.stderr.decode(), "gatetape: web: ", "its certificates are too old")
        self.jump(0, HOUR_S)
        self.assertTrue(self.stack.works())
        for session, first, last, rows in self.offsets():
            self.assertEqual(rows, "0", f"{session}: an offset is smaller than the one before")
            self.assertLess((int(last) - int(first)) / 1e9, 2 * SLACK_S, session)

    def a_commit_that_hangs_is_noticed_after_a_jump(self):
        self.jump(HOUR_S, HOUR_S)
        with self.goes_on_after("a commit that hangs, after a jump"):
            with runners.holding(self.stack, "lock table gatetape.frames in share mode"):
                harness.wait_until(lambda: self.logged("gateway", "recorder_stalled"),
                                   "the gateway notices")

    def offsets(self):
        """Returns (session, first offset, last offset, events with a smaller offset than the event
        before)."""
        return self.stack.sql(
            "select session_id, min(offset_ns), max(offset_ns), count(*) filter (where earlier) "
            "from (select session_id, offset_ns, "
            "offset_ns < lag(offset_ns) over (partition by session_id order by seq) as earlier "
            "from gatetape.event) e join gatetape.session s using (session_id) "
            "where s.kind = 'session' group by session_id")


if __name__ == "__main__":
    unittest.main()
