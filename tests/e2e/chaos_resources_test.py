"""Connections of PostgreSQL or file descriptors of the gateway run out, or a commit hangs. Sessions
freeze or go on, users read why, and everything recovers by itself."""

import contextlib
import os
import socket
import subprocess
import time
import unittest

import chaos_load
import harness
import runners

CONNECTIONS_MAX = 20
SSH_CONNECTIONS_MAX = 12
HANG_S = harness.by_tier(quick=36, full=60)  # The recorder waits 30 s for a commit.
IN_DOUBT = "commit in doubt: the database did not answer in time"
SPIN_S = 2  # For how long the processor time of the gateway is measured.
SPIN_MAX = 0.5  # The share of one processor that this load may need.


class FewConnections(runners.Separate):
    def before_daemons(self):
        with open(f"{self.stack.dir}/pg/postgresql.conf", "a", encoding="ascii") as file:
            file.write(f"max_connections = {CONNECTIONS_MAX}\n")


class Hogs:
    """Opens every connection that PostgreSQL has for users other than superusers."""

    def __init__(self, stack):
        self.stack = stack
        self.sessions = []

    def take_all(self):
        while self.take_one():
            pass

    def take_one(self):
        process = subprocess.Popen(
            self.stack.psql("gatetape_auditd"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd="/")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"select 'taken';\n")
            process.stdin.flush()
        taken = b"taken" in process.stdout.readline()
        self.sessions.append(process)
        return taken

    def release(self):
        for process in self.sessions:
            with contextlib.suppress(BrokenPipeError):
                process.communicate()


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def files_max(pid):
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        return next(int(line.split()[3]) for line in file if line.startswith("Max open files"))


class Resources(chaos_load.UnderLoad):
    def new_stack(self):
        return harness.Stack({"gateway": f"{chaos_load.FREEZE}\n"
                                         f"max_connections_per_source = {SSH_CONNECTIONS_MAX}"},
                             FewConnections())

    def test_sessions_outlive_what_runs_out(self):
        self.in_turn(self.one_connection_too_many_is_told_so,
                     self.without_file_descriptors_new_connections_are_told_why,
                     self.a_commit_that_hangs_freezes_sessions,
                     self.without_a_connection_of_postgresql_sessions_freeze)

    def one_connection_too_many_is_told_so(self):
        with contextlib.ExitStack() as idle:
            for _ in range(SSH_CONNECTIONS_MAX - len(self.load.live)):
                idle.enter_context(socket.create_connection(("127.0.0.1", self.stack.port)))
            ran = harness.run([*self.stack.direct(), "echo refused"])
            self.assertEqual(ran.stdout, b"")
            self.assertIn(b"too many connections", ran.stderr)
        harness.wait_until(self.stack.works, "a new session works")

    def without_a_connection_of_postgresql_sessions_freeze(self):
        hogs = Hogs(self.stack)
        self.addCleanup(hogs.release)
        hogs.take_all()
        self.load.seconds_until_typing_passes()  # The recorder keeps its connection.
        with self.goes_on_after("no connection of PostgreSQL is free"):
            recorder = self.stack.daemons["gatetape-recorder"]
            recorder.stop()
            hogs.take_all()
            recorder.start()
            self.frozen_and_refused()
            lost = self.logged("recorder", "database_lost")
            self.assertIn("connection", lost[-1]["error"])
            self.assertIn("FAIL", self.doctor())
            hogs.release()

    def a_commit_that_hangs_freezes_sessions(self):
        """The commit hangs for longer than the recorder waits, so it is in doubt and read again."""
        doubts = len(self.doubts())
        with self.goes_on_after("a commit that hangs"):
            with runners.holding(self.stack, "lock table gatetape.frames in share mode"):
                let_go = time.monotonic() + HANG_S
                self.frozen_and_refused()
                harness.wait_until(lambda: self.logged("gateway", "recorder_stalled"),
                                   "the gateway's log tells")
                harness.wait_until(lambda: len(self.doubts()) > doubts,
                                   "the recorder's log tells that the commit is in doubt")
                passed = self.load.passed_bytes()
                time.sleep(max(0, let_go - time.monotonic()))
                self.assertEqual(self.load.passed_bytes(), passed)

    def doubts(self):
        return [line for line in self.logged("recorder", "database_lost")
                if IN_DOUBT in line["error"]]

    def without_file_descriptors_new_connections_are_told_why(self):
        pid = self.stack.pid("gatetape-gateway")
        before = files_max(pid)
        with self.goes_on_after("no file descriptor is free"):
            harness.wait_until(lambda: self.no_descriptor_is_told(pid), "it is told")
            self.load.seconds_until_typing_passes()
            used_s = harness.processor_s(pid)
            time.sleep(SPIN_S)
            share = (harness.processor_s(pid) - used_s) / SPIN_S
            print(f"without descriptors the gateway uses {share:.2f} of a processor", flush=True)
            self.assertLess(share, SPIN_MAX)
            self.assertTrue(self.logged("gateway", "connection_refused"))
            self.few_descriptors(pid)
            self.limit_files(pid, before)
        self.assertTrue(self.stack.works())

    def no_descriptor_is_told(self, pid):
        # A descriptor that is closed at this moment leaves room for one connection.
        self.limit_files(pid, open_files(pid))
        ran = harness.run([*self.stack.direct(), "echo refused"])
        self.assertEqual(ran.stdout, b"")
        return b"out of file descriptors" in ran.stderr

    def limit_files(self, pid, limit):
        subprocess.run([*self.stack.as_account("gateway"), "prlimit", "--pid", str(pid),
                        f"--nofile={limit}:"], check=True)

    def few_descriptors(self, pid):
        """Checks that a login ends with a reason wherever the descriptors run out."""
        for spare in range(1, 5):
            self.limit_files(pid, open_files(pid) + spare)
            ran = harness.run([*self.stack.direct(), "echo works"])
            print(f"with {spare} descriptors more: {ran.stdout} {ran.stderr}", flush=True)
            if ran.stdout != b"works\n":
                self.assertIn(b"gatetape: ", ran.stderr)


if __name__ == "__main__":
    unittest.main()
