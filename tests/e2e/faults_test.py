"""The recorder or PostgreSQL is slow, gone, killed or back. Nothing passes unrecorded, sessions go
on or end with a reason, and what is stored can still be proved."""

import os
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from paramiko.common import (
    MSG_CHANNEL_OPEN, MSG_CHANNEL_OPEN_FAILURE, MSG_GLOBAL_REQUEST, MSG_REQUEST_FAILURE)

import harness
import ssh_wire

stack = None
FREEZE_S = 4
METRICS = {daemon: harness.free_port() for daemon in ("gateway", "recorder")}


def setUpModule():
    global stack
    listen = {daemon: f'metrics_listen = "127.0.0.1:{port}"' for daemon, port in METRICS.items()}
    stack = harness.Stack({"gateway": f"freeze_timeout_s = {FREEZE_S}\n{listen['gateway']}",
                           "recorder": listen["recorder"]})
    stack.restart("gatetape-recorder")
    works_again()


def tearDownModule():
    stack.close_covered()


class Talk:
    """A session with `cat`, which echoes what is sent."""

    def __init__(self, name):
        self.command = f"cat # {name}"
        self.process = subprocess.Popen([*stack.jump(), self.command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.heard = b""

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def listen(self):
        self.heard += self.process.stdout.read() or b""
        return self.heard

    def expect(self, text):
        harness.wait_until(lambda: self.listen().endswith(text), f"{text} comes back")

    def end(self):
        """Closes the input; returns the exit code and standard error."""
        self.process.stdin.close()
        errors = self.process.stderr.read().decode()
        self.listen()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.wait(harness.WAIT_S), errors


def metric(daemon, name):
    """Returns a figure of a daemon, or None while it cannot be asked."""
    return harness.metric(METRICS[daemon], name)


class Stopped:
    """Stops a process for the block."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)


def shown_while(command, first_bytes, kill):
    """Runs a command and calls `kill` after its first bytes; returns everything that was shown, the
    exit code and standard error."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([*stack.jump(), command], stdout=subprocess.PIPE,
                                   stderr=errors, stdin=subprocess.DEVNULL)
        with process.stdout:
            shown = process.stdout.read(first_bytes)
            kill()
            shown += process.stdout.read()
        code = process.wait(harness.WAIT_S)
        errors.seek(0)
        return shown, code, errors.read()


def works_again():
    harness.wait_until(lambda: harness.run([*stack.jump(), "echo again"]).stdout == b"again\n",
                       "sessions work again")


class Faults(unittest.TestCase):
    def intact(self, session):
        ran = stack.gatetape("verify", session)
        self.assertEqual(ran.returncode, 0, ran.stdout)

    def recorded_out(self, session):
        return stack.gatetape("export", session, "-o", "raw", "--stream", "out").stdout

    def test_without_a_recorder_sessions_freeze_and_go_on(self):
        talk = Talk("freeze")
        talk.say(b"before\n")
        talk.expect(b"before\n")
        with Stopped(stack.pid("gatetape-recorder")):
            talk.say(b"unrecorded\n")
            time.sleep(FREEZE_S / 3)
            self.assertEqual(talk.listen(), b"before\n")
        talk.expect(b"unrecorded\n")
        self.assertEqual(talk.end()[0], 0)
        self.intact(stack.session_of(talk.command))

    def test_nobody_hears_of_a_refusal_before_it_is_recorded(self):
        with ssh_wire.connect(stack.port) as sock:
            peer = ssh_wire.Peer.client(sock, "alice", f"{stack.folder}/alice")
            with Stopped(stack.pid("gatetape-recorder")):
                peer.say(MSG_CHANNEL_OPEN, "direct-tcpip", 0, 1 << 20, 32768, "nowhere", 22, "x", 1)
                peer.say(MSG_GLOBAL_REQUEST, "tcpip-forward", True, "", 0)
                time.sleep(FREEZE_S / 3)
                self.assertEqual(peer.heard, [])
            peer.wait_for(MSG_CHANNEL_OPEN_FAILURE)
            peer.wait_for(MSG_REQUEST_FAILURE)
            peer.close()

    def test_new_rules_hold_when_their_frame_is_recorded(self):
        before = len(stack.access_lines())
        with Stopped(stack.pid("gatetape-recorder")):
            stack.runner.hang_up()
            time.sleep(FREEZE_S / 3)
            self.assertEqual(len(stack.access_lines()), before)
        harness.wait_until(lambda: len(stack.access_lines()) > before, "the rules are loaded")
        self.assertEqual(stack.access_lines()[-1]["event"], "access_loaded")

    def test_metrics_tell_of_a_freeze_and_of_a_lost_database(self):
        talk = Talk("metrics")
        talk.say(b"before\n")
        talk.expect(b"before\n")
        self.assertGreaterEqual(metric("gateway", "gatetape_gateway_live_sessions"), 1)
        self.assertEqual(metric("gateway", "gatetape_gateway_recorder_connected"), 1)
        with Stopped(stack.pid("gatetape-recorder")):
            talk.say(b"frozen\n")
            harness.wait_until(
                lambda: metric("gateway", "gatetape_gateway_unacknowledged_frames"), "a freeze")
        talk.expect(b"frozen\n")
        failed = metric("recorder", "gatetape_recorder_failed_rounds_total")
        self.assertEqual(metric("recorder", "gatetape_recorder_database_up"), 1)
        os.kill(stack.pid("postgres"), signal.SIGKILL)
        talk.say(b"after\n")
        harness.wait_until(
            lambda: metric("recorder", "gatetape_recorder_failed_rounds_total") > failed,
            "a failed round is told")
        works_again()
        self.assertEqual(metric("recorder", "gatetape_recorder_database_up"), 1)
        talk.end()

    def test_a_long_freeze_ends_the_session_with_a_reason(self):
        talk = Talk("long freeze")
        talk.say(b"before\n")
        talk.expect(b"before\n")
        with Stopped(stack.pid("gatetape-recorder")):
            talk.say(b"unrecorded\n")
            code, errors = talk.end()
            self.assertNotEqual(code, 0)
            self.assertIn("recorder has not answered", errors)
            self.assertEqual(talk.heard, b"before\n")
            ran = harness.run([*stack.jump(), "echo refused"])
            self.assertEqual(ran.stdout, b"")
            self.assertIn(b"recording is not available", ran.stderr)
        works_again()
        session = stack.session_of(talk.command, closed=False)
        self.assertTrue(self.recorded_out(session).startswith(b"before\n"))
        harness.wait_until(lambda: stack.events(session, "session_end"), "its end is stored")
        ends = stack.events(session, "session_end")
        self.assertEqual([fields["reason"] for _, _, fields in ends], ["record_failed"])

    def test_a_killed_recorder_loses_nothing_that_was_shown(self):
        for name, daemon, kill in (("recorder", "gatetape-recorder", signal.SIGKILL),
                                   ("postgres", "postgres", signal.SIGINT),
                                   ("postgres killed", "postgres", signal.SIGKILL)):
            with self.subTest(killed=name):
                command = f"for i in $(seq 0 399); do echo {name} $i; sleep 0.01; done"
                shown, code, errors = shown_while(
                    command, 500, lambda: os.kill(stack.pid(daemon), kill))
                expected = b"".join(b"%s %d\n" % (name.encode(), i) for i in range(400))
                self.assertTrue(expected.startswith(shown), "shown is not what was sent")
                works_again()
                session = stack.session_of(command)
                self.assertTrue(self.recorded_out(session).startswith(shown))
                if code == 0:
                    self.assertEqual(shown, expected)
                else:
                    self.assertIn(b"gatetape: ", errors)
                self.intact(session)

    def test_a_killed_recorder_in_a_bulk_transfer_loses_nothing_that_was_shown(self):
        command = ("openssl enc -aes-128-ctr -pass pass:x -nosalt -pbkdf2 -in /dev/zero"
                   " 2>/dev/null | head -c 30000000")
        expected = harness.run(["sh", "-c", command]).stdout
        shown, _, _ = shown_while(
            command, 3_000_000, lambda: os.kill(stack.pid("gatetape-recorder"), signal.SIGKILL))
        self.assertTrue(expected.startswith(shown))
        works_again()
        session = stack.session_of(command)
        self.assertTrue(self.recorded_out(session).startswith(shown))
        self.intact(session)

    def test_nothing_passes_while_the_database_swallows_rows(self):
        swallows = {
            "trigger": ("create function gatetape.swallow() returns trigger language plpgsql as "
                        "$$ begin return null; end $$; create trigger swallow before insert on "
                        "gatetape.frames for each row execute function gatetape.swallow()",
                        "drop function gatetape.swallow() cascade"),
            "rule": ("create rule swallow as on insert to gatetape.frames do instead nothing",
                     "drop rule swallow on gatetape.frames")}
        for name, (swallow, undo) in swallows.items():
            with self.subTest(name):
                mark = f"{stack.folder}/passed_{name}"
                talk = Talk(name)
                talk.say(b"before\n")
                talk.expect(b"before\n")
                stack.sql(swallow)
                try:
                    talk.say(b"swallowed\n")
                    self.assertNotEqual(talk.end()[0], 0)
                    ran = harness.run([*stack.jump(), f"touch {mark}"])
                finally:
                    stack.sql(undo)
                self.assertNotEqual(ran.returncode, 0)
                self.assertFalse(os.path.exists(mark), "a command ran without a record")
                self.assertEqual(talk.heard, b"before\n")
                works_again()

    def test_nothing_passes_while_a_commit_may_be_lost(self):
        for name in ("fsync", "full_page_writes"):
            with self.subTest(name):
                mark = f"{stack.folder}/passed_{name}"
                stack.sql(f"alter system set {name} = off")
                stack.sql("select pg_reload_conf()")
                try:
                    harness.wait_until(lambda: stack.sql(f"show {name}") == [["off"]], "it is off")
                    stack.restart("gatetape-recorder")
                    harness.wait_until(
                        lambda: metric("recorder", "gatetape_recorder_database_up") == 0,
                        "the database is told to be down")
                    ran = harness.run([*stack.jump(), f"touch {mark}"])
                    doctor = stack.gatetape("doctor").stdout.decode()
                finally:
                    stack.sql(f"alter system reset {name}")
                    stack.sql("select pg_reload_conf()")
                self.assertNotEqual(ran.returncode, 0)
                self.assertFalse(os.path.exists(mark), "a command ran without a durable record")
                self.assertIn(f"FAIL  {name} is off", doctor)
                works_again()
                errors = [line["error"] for line in stack.log("recorder")
                          if line["event"] == "database_lost"]
                self.assertTrue(errors[-1].startswith(f"{name} of PostgreSQL is off"), errors)

    def test_many_sessions_at_once_are_each_whole(self):
        failed = []

        def one(number):
            ran = harness.run([*stack.jump(), f"seq {number} {number + 5000}"])
            wanted = "".join(f"{i}\n" for i in range(number, number + 5001)).encode()
            if ran.stdout != wanted:
                failed.append((number, ran.returncode, ran.stderr))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])


if __name__ == "__main__":
    unittest.main()
