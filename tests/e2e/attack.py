"""Measures what an attack does to the gateway and to the session of another user.

As a program: types into a command that echoes, and prints when each line was typed, how long its
echo took, and how long the machine alone takes for the same: two lines through a pipe, two appends
on the disk. It is a process of its own, so that what the attacker computes here does not count.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from machine import WAIT_S, resident_bytes, run

ECHO_MS_MAX = 300  # For a busy machine. Without an attack an echo takes about 1 ms.
# How many times slower an echo may be than just before the attack, or than the machine alone.
ECHO_TIMES_MAX = 20
BEFORE_S = 1
ECHOES_AFTER = 50
MIB = 1 << 20
# A sanitizer needs this many times the memory and the time.
SANITIZER_TAKES = 4 if "ASAN_OPTIONS" in os.environ else 1


def echo(process, line):
    """Types into a session and measures how long each echo takes."""
    process.stdin.write(line)
    got = b""
    while not got.endswith(b"\n"):
        part = os.read(process.stdout.fileno(), 100)
        if not part:
            return False
        got += part
    return got == line


def echo_times_ms(command):
    """Types a line every 5 ms until standard input ends, and some lines more, because the gateway
    may still be busy. Returns [(when, time of the echo, time of the machine alone)]."""
    times, ready, left = [], False, ECHOES_AFTER
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
    with subprocess.Popen(command, **pipes) as process, subprocess.Popen("cat", **pipes) as alone, \
            tempfile.TemporaryFile(buffering=0) as disk:
        stopped = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
        while left > 0:
            left -= stopped.is_set()
            line = f"{len(times)}\n".encode()
            started = time.monotonic()
            if not echo(process, line):
                return times, False
            if not ready:  # The first echo waits until the command has started.
                ready = True
                print("ready", flush=True)
                continue
            echoed = time.monotonic()
            for _ in range(2):
                echo(alone, line)
                disk.write(line)
                os.fdatasync(disk.fileno())
            times.append((started, (echoed - started) * 1000, (time.monotonic() - echoed) * 1000))
            time.sleep(0.005)
        process.stdin.close()
        alone.stdin.close()
        return times, process.wait(WAIT_S) == 0


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


class AttackTest(unittest.TestCase):
    """Tests that attack the `stack` of their module. After the last one the record is intact."""

    @classmethod
    def tearDownClass(cls):
        ran = sys.modules[cls.__module__].stack.gatetape("verify", "--all")
        assert ran.returncode == 0, ran.stdout.decode()


class Attack:
    """`with Attack(test, stack, name) as attack:` measures, and fails the test when the gateway
    died or grew, or when another session was harmed."""

    def __init__(self, test, stack, name, grows_mib=64):
        self.test, self.stack, self.name, self.grows_mib = test, stack, name, grows_mib

    def __enter__(self):
        self.pid = self.stack.pid("gatetape-gateway")
        self.probe = subprocess.Popen(
            [sys.executable, "-B", os.path.abspath(__file__), *self.stack.direct(), "cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.probe.stdout.readline()
        time.sleep(BEFORE_S)
        self.began = time.monotonic()  # The measuring program reads the same clock.
        self.before = self.most = resident_bytes(self.pid)
        self.over = threading.Event()
        self.watch = threading.Thread(target=self.sample)
        self.watch.start()
        return self

    def sample(self):
        while not self.over.wait(0.02):
            try:
                self.most = max(self.most, resident_bytes(self.pid))
            except OSError:
                return  # The gateway died. The test reports that itself.

    def __exit__(self, kind, error, trace):
        self.over.set()
        self.watch.join()
        heard = self.probe.communicate()[0]
        if kind is not None:
            return
        test = self.test
        test.assertEqual(self.stack.pid("gatetape-gateway"), self.pid, "the gateway died")
        result = json.loads(heard)
        quiet_ms = p99([took for when, took, _ in result["times_ms"] if when < self.began])
        # An echo that was under way when the attack began counts as harmed by it.
        during = [(took, alone) for when, took, alone in result["times_ms"]
                  if when + took / 1000 >= self.began]
        times = sorted(took for took, _ in during)
        machine_ms = p99([alone for _, alone in during])
        after = resident_bytes(self.pid)
        print(f"{self.name}: echo of another session p50 {times[len(times) // 2]:.1f} "
              f"p99 {p99(times):.1f} max {times[-1]:.1f} ms of {len(times)}, p99 before "
              f"{quiet_ms:.1f}, of the machine {machine_ms:.1f}; gateway RSS "
              f"{self.before / MIB:.0f} MiB before, {self.most / MIB:.0f} most, "
              f"{after / MIB:.0f} after", flush=True)
        test.assertTrue(result["intact"], "another session was cut")
        usual_ms = max(quiet_ms, machine_ms)
        test.assertLess(p99(times), max(ECHO_MS_MAX, ECHO_TIMES_MAX * usual_ms) * SANITIZER_TAKES)
        test.assertLess(self.most - self.before, self.grows_mib * MIB * SANITIZER_TAKES)
        test.assertEqual(run([*self.stack.jump(), "echo alive"]).stdout, b"alive\n")


if __name__ == "__main__":
    taken, intact = echo_times_ms(sys.argv[1:])
    print(json.dumps({"times_ms": taken, "intact": intact}))
