"""What an attack does to the gateway and to somebody else's session meanwhile.

As a program: types into a command that echoes, and prints how long each echo took. It is a process
of its own, so that what the attacker computes here does not count.
"""

import json
import os
import subprocess
import sys
import threading
import time

from machine import WAIT_S, resident_bytes, run

ECHO_MS_MAX = 1500  # a busy machine; without an attack it is about 1 ms
MIB = 1 << 20
SANITIZER_TAKES = 4 if "ASAN_OPTIONS" in os.environ else 1  # times the memory and time


def echo_times_ms(command):
    """Types a line every 5 ms until standard input ends; the time until each came back."""
    times, ready = [], False
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          bufsize=0) as process:
        stopped = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
        while not stopped.is_set():
            line = f"{len(times)}\n".encode()
            started = time.monotonic()
            process.stdin.write(line)
            echo = b""
            while not echo.endswith(b"\n"):
                got = os.read(process.stdout.fileno(), 100)
                if not got:
                    return times, False
                echo += got
            if echo != line:
                return times, False
            if not ready:  # the first waits for the command to start
                ready = True
                print("ready", flush=True)
                continue
            times.append((time.monotonic() - started) * 1000)
            stopped.wait(0.005)
        process.stdin.close()
        return times, process.wait(WAIT_S) == 0


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
                return  # it died: the test says so

    def __exit__(self, kind, error, trace):
        self.over.set()
        self.watch.join()
        heard = self.probe.communicate()[0]
        if kind is not None:
            return
        test = self.test
        test.assertEqual(self.stack.pid("gatetape-gateway"), self.pid, "the gateway died")
        result = json.loads(heard)
        times = sorted(result["times_ms"])
        p99 = times[int(len(times) * 0.99)]
        after = resident_bytes(self.pid)
        print(f"{self.name}: echo of another session p50 {times[len(times) // 2]:.1f} "
              f"p99 {p99:.1f} max {times[-1]:.1f} ms of {len(times)}; gateway RSS "
              f"{self.before / MIB:.0f} MiB before, {self.most / MIB:.0f} most, "
              f"{after / MIB:.0f} after", flush=True)
        test.assertTrue(result["intact"], "another session was cut")
        test.assertLess(p99, ECHO_MS_MAX * SANITIZER_TAKES)
        test.assertLess(self.most - self.before, self.grows_mib * MIB * SANITIZER_TAKES)
        test.assertEqual(run([*self.stack.jump(), "echo alive"]).stdout, b"alive\n")


if __name__ == "__main__":
    taken, intact = echo_times_ms(sys.argv[1:])
    print(json.dumps({"times_ms": taken, "intact": intact}))
