"""The links between gateway and recorder and between recorder and PostgreSQL break in every manner.
Sessions freeze and new ones are refused with a reason, nothing passes unrecorded, and when the link
works again every session goes on with nothing lost or doubled."""

import os
import unittest

import chaos_load
import fault_proxy
import harness
import runners

CUTS = harness.by_tier(quick=2, full=3)
BLOCKING = (fault_proxy.REFUSE, fault_proxy.STALL, fault_proxy.CUT_FIRST_BYTE)
SLOW = (fault_proxy.DELAY, fault_proxy.SLICE)
IN_DOUBT = (fault_proxy.CUT_BEFORE_COMMIT, fault_proxy.CUT_AFTER_COMMIT)


class BehindProxies(runners.Separate):
    """One proxy is before the recorder and one before PostgreSQL."""

    link = database = None

    def before_daemons(self):
        folder = self.stack.dir
        os.makedirs(f"{folder}/proxy")
        os.chmod(f"{folder}/proxy", 0o755)
        self.stack.replace_in_config(
            "/run/db port=5432 dbname=gatetape user=gatetape_recorder",
            "/proxy port=5432 dbname=gatetape user=gatetape_recorder")
        # The proxy is another peer than the account of PostgreSQL.
        if os.getuid() == 0:
            self.stack.replace_in_config(" requirepeer=gatetape-db", "")
        self.link = fault_proxy.FaultProxy(f"{folder}/proxy/recorder.sock",
                                           f"{folder}/run/recorder/recorder.sock")
        self.database = fault_proxy.FaultProxy(f"{folder}/proxy/.s.PGSQL.5432",
                                               f"{folder}/run/db/.s.PGSQL.5432", is_postgres=True)

    def after_daemons(self):
        for proxy in (self.link, self.database):
            if proxy is not None:
                proxy.close()


class BrokenWays(chaos_load.UnderLoad):
    def new_stack(self):
        return harness.Stack({"": 'recorders = ["unix:proxy/recorder.sock"]',
                              "gateway": chaos_load.FREEZE}, BehindProxies())

    def broken(self, proxy, mode, while_broken):
        """Breaks the link in one manner for as long as `while_broken` lasts."""
        way = os.path.basename(proxy.path)
        with self.subTest(way=way, mode=mode), self.goes_on_after(f"{way} {mode}"):
            proxy.set_mode(mode)
            try:
                while_broken()
                self.assertEqual(self.load.unrecorded(), [])
            finally:
                proxy.set_mode(fault_proxy.PASS)

    def test_sessions_outlive_every_break(self):
        self.in_turn(self.a_commit_in_doubt_is_neither_lost_nor_doubled,
                     self.a_slow_way_only_slows,
                     self.a_blocked_way_freezes_sessions_and_refuses_new_ones)

    def slow(self):
        print(f"typing passes after {self.load.seconds_until_typing_passes():.2f} s", flush=True)

    def a_blocked_way_freezes_sessions_and_refuses_new_ones(self):
        for proxy in (self.stack.runner.link, self.stack.runner.database):
            for mode in BLOCKING:
                self.broken(proxy, mode, self.frozen_and_refused)

    def a_slow_way_only_slows(self):
        for proxy in (self.stack.runner.link, self.stack.runner.database):
            for mode in SLOW:
                self.broken(proxy, mode, self.slow)

    def a_commit_in_doubt_is_neither_lost_nor_doubled(self):
        proxy = self.stack.runner.database
        for mode in IN_DOUBT:
            wanted = proxy.cuts + CUTS
            self.broken(proxy, mode, lambda wanted=wanted: harness.wait_until(
                lambda: proxy.cuts >= wanted, f"{CUTS} connections are cut"))


if __name__ == "__main__":
    unittest.main()
