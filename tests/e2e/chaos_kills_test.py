"""SIGKILL and SIGSTOP of gateway, recorder and PostgreSQL at random moments under load: what the
target received and what the user saw is always a prefix of what is stored, and the record stays
provable.

usage: chaos_kills_test.py [--kills N] [--seed N] [--sessions N]
Without options: a seed that the clock gives, and counts by the tier of tests.
"""

import argparse
import random
import sys
import time
import unittest

import harness
import runners
import witness

KILLS = harness.by_tier(quick=6, full=10)
SEED = int(time.time())
SESSIONS = harness.by_tier(quick=10, full=20)
LOAD = {"type": 12, "sink": 2, "source": 2, "sftp": 4}  # The modes of 20 sessions.
DAEMONS = ("gatetape-gateway", "gatetape-recorder", "postgres")
TRIES = 8  # How often PostgreSQL is killed in the hope that it loses a commit.


def random_pause(rng):
    time.sleep(rng.uniform(0.2, 1.5))


class ChaosKills(unittest.TestCase):
    def setUp(self):
        self.stack = harness.Stack(
            {"gateway": f"max_startups = {10 * SESSIONS}\n"
                        f"max_startups_per_source = {5 * SESSIONS}\n"
                        f"max_connections_per_source = {10 * SESSIONS}\n"
                        "freeze_timeout_s = 20"}, runners.Separate())
        self.addCleanup(self.stack.close)

    def load(self, sizes):
        load = witness.Load(self.stack, f"{self.stack.folder}/witness", sizes)
        self.addCleanup(load.kill)
        return load

    def strike(self, rng, victim):
        daemon = self.stack.daemons[victim]
        if rng.random() < 0.25:
            with daemon.paused():
                random_pause(rng)
            return "paused"
        daemon.kill()
        if rng.random() < 0.5:
            random_pause(rng)
        daemon.start()
        return "killed"

    def test_kills_at_any_moment_leave_nothing_unrecorded(self):
        rng = random.Random(SEED)
        load = self.load({mode: count * SESSIONS // 20 for mode, count in LOAD.items()})
        load.wait_all_pass()
        for number in range(KILLS):
            random_pause(rng)
            victim = DAEMONS[number % 3]
            how = self.strike(rng, victim)
            took_s = load.wait_all_pass() + load.seconds_until_typing_passes()
            print(f"{number}: {victim} {how}, all pass again after {took_s:.1f} s; "
                  f"{load.passed_bytes() >> 10} KiB passed in {len(load.clients)} sessions",
                  flush=True)
            self.assertEqual(load.unrecorded(), [])
        stuck = load.stop()
        self.assertEqual([client.name for client in stuck], [])
        self.assertEqual(witness.unrecorded(load.clients, self.stack.sql), [])
        self.assertEqual(self.stack.tampered(), [])

    def test_no_setting_of_the_database_makes_a_commit_lost(self):
        for setting in ("wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'",
                        "synchronous_commit = off"):
            self.stack.sql(f"alter system set {setting}")
        self.stack.sql("select pg_reload_conf()")
        self.stack.sql("alter role gatetape_recorder set synchronous_commit = off")
        self.stack.restart("gatetape-recorder")
        rng = random.Random(SEED)
        load = self.load({"type": 5})
        for number in range(TRIES):
            load.wait_all_pass()
            random_pause(rng)
            self.stack.daemons["postgres"].kill()
            self.stack.daemons["postgres"].start()
            self.assertEqual(witness.unrecorded(load.clients, self.stack.sql), [], f"try {number}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    arguments, rest = parser.parse_known_args()
    KILLS, SEED, SESSIONS = arguments.kills, arguments.seed, arguments.sessions
    print(f"seed {SEED}, {SESSIONS} sessions", flush=True)
    unittest.main(argv=[sys.argv[0], *rest])
