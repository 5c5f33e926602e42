"""Many short sessions through one stack leave nothing behind: no descriptor, no thread, and no
memory beyond what the first of them took."""

import concurrent.futures
import os
import unittest

import chaos_stack
import harness

WARM_UP, SESSIONS, AT_ONCE = 60, 240, 8
DAEMONS = ("gatetape-gateway", "gatetape-recorder", "gatetape-auditd")
GROWTH_BYTES_MAX = 12 << 20
GROWTH_HELD_MAX = 2  # gRPC's pool breathes
KIB_EACH = 16


class Growth(unittest.TestCase):
    def setUp(self):
        self.stack = chaos_stack.ChaosStack({"gateway": "max_startups_per_source = 100"})
        self.addCleanup(self.stack.close)

    def one(self, number):
        words = (self.stack.jump if number % 2 else self.stack.direct)()
        ran = harness.run([*words, f"head -c {KIB_EACH << 10} /dev/zero"])
        return len(ran.stdout), ran.returncode

    def run_sessions(self, count):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for passed in pool.map(self.one, range(count)):
                self.assertEqual(passed, (KIB_EACH << 10, 0))
        self.stack.wait_all_closed()
        self.assertEqual(self.stack.tampered(), [])  # so that auditd works too

    def held(self, daemon):
        """(descriptors, threads) that a daemon holds."""
        pid = self.stack.pid(daemon)
        return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))

    def memory(self):
        return {daemon: harness.resident_bytes(self.stack.pid(daemon)) for daemon in DAEMONS}

    def test_sessions_leave_nothing_behind(self):
        self.run_sessions(WARM_UP)
        before, memory = {daemon: self.held(daemon) for daemon in DAEMONS}, self.memory()
        self.run_sessions(SESSIONS)
        for daemon, growth in {daemon: now - memory[daemon]
                               for daemon, now in self.memory().items()}.items():
            print(f"{daemon}: {memory[daemon] >> 10} KiB after {WARM_UP} sessions, "
                  f"{growth >> 10} KiB more after {SESSIONS} more; (descriptors, threads) were "
                  f"{before[daemon]} and are {self.held(daemon)}", flush=True)
            self.assertLess(growth, GROWTH_BYTES_MAX, daemon)
            # The last connection may close a moment after its session.
            harness.wait_until(lambda daemon=daemon: all(
                now <= then + GROWTH_HELD_MAX for now, then in zip(self.held(daemon), before[daemon])),
                f"{daemon} holds no more than before")


if __name__ == "__main__":
    unittest.main()
