"""Two recorders on one PostgreSQL: when one dies under load, sessions go on through the other, and
nothing is lost or doubled."""

import statistics
import unittest

import chaos_stack
import witness

LOAD = {"type": 8, "sink": 1, "source": 1, "sftp": 1}
RECORDERS = ("gatetape-recorder", chaos_stack.RECORDER_B)
ROUNDS = 4
GOES_ON_S = 2.0  # in the median: a busy machine may sleep over one


class TwoRecorders(unittest.TestCase):
    def test_sessions_go_on_through_the_other_recorder(self):
        stack = chaos_stack.ChaosStack(
            {"": 'recorders = ["unix:run/recorder.sock", "unix:run/recorder-b.sock"]'},
            two_recorders=True)
        self.addCleanup(stack.close)
        load = witness.Load(stack, f"{stack.folder}/witness", LOAD)
        self.addCleanup(load.kill)
        load.wait_all_pass()
        gaps_s = []
        for number in range(ROUNDS):
            # The gateway's stream is at the other one after each round.
            victim = stack.daemons[RECORDERS[number % 2]]
            victim.kill()
            gap_s = load.seconds_until_typing_passes()
            print(f"{RECORDERS[number % 2]} killed: every session went on after {gap_s:.2f} s",
                  flush=True)
            gaps_s.append(gap_s)
            self.assertEqual(load.unrecorded(), [])
            victim.start()
        self.assertEqual([client.name for client in load.stop()], [])
        self.assertEqual(len(load.clients), len(load.live), "a session ended")
        stack.wait_all_closed()
        self.assertEqual(witness.not_whole(load.clients, stack.sql), [])
        self.assertEqual(stack.tampered(), [])
        self.assertLess(statistics.median(gaps_s), GOES_ON_S)


if __name__ == "__main__":
    unittest.main()
