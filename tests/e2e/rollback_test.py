"""A gateway that has seen a newer checkpoint of the log opens no session on an older database,
until an administrator accepts it."""

import os
import pwd
import signal
import subprocess
import unittest

import harness

REASON = "restored the dump of Monday: disk failure"

stack = None


def setUpModule():
    global stack
    stack = harness.Stack()


def tearDownModule():
    stack.close()


def kept_size():
    """Returns the size of the checkpoint that the gateway has kept, 0 before the first one."""
    try:
        with open(f"{stack.dir}/gateway/checkpoint", encoding="utf-8") as file:
            return int(file.read().splitlines()[1])
    except FileNotFoundError:
        return 0


def roll_back():
    """Removes the newest rows of the log, as a restored dump does; auditd stands still from then
    on. Returns the size that is left."""
    os.kill(stack.pid("gatetape-auditd"), signal.SIGSTOP)
    size = int(stack.sql("select min(size) from gatetape.checkpoint where size > 0")[0][0])
    stack.tamper(f"delete from gatetape.checkpoint where size > {size}; "
                 f"delete from gatetape.log_leaf where leaf_index >= {size}")
    return size


def refused_line():
    """Returns what a user reads who asks for a session, when that is refused."""
    ran = harness.run([*stack.direct(), "echo works"])
    return ran.stderr.decode() if ran.returncode == 255 else ""


class Rollback(unittest.TestCase):
    def test_an_older_database_is_refused_until_an_administrator_accepts_it(self):
        self.assertTrue(stack.works())
        first = harness.wait_until(kept_size, "a checkpoint is kept")
        self.assertTrue(stack.works())
        harness.wait_until(lambda: kept_size() > first, "a newer checkpoint is kept")
        refused = stack.gatetape("log", "accept", "--reason", REASON)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn(b"there is nothing to accept", refused.stderr)
        self.assertIn("seen no older database", stack.gatetape("doctor").stdout.decode())

        with subprocess.Popen([*stack.direct(), "cat"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as open_session:
            self.assertEqual(self.echo(open_session, b"before\n"), b"before\n")
            # What the session has caused so far is in the log.
            harness.wait_until(lambda: stack.sql(
                "select 1 where not exists (select from gatetape.log_entry e where not exists "
                "(select from gatetape.log_leaf l where l.leaf = e.leaf))"), "all is in the log")
            found = roll_back()
            line = harness.wait_until(refused_line, "sessions are refused")
            self.assertIn("the database is older than this gateway has seen", line)
            self.assertIn("gatetape log accept", line)
            self.assertEqual(self.echo(open_session, b"after\n"), b"after\n")
            open_session.stdin.close()
        event = stack.system_events("rollback_seen")[-1][2]
        self.assertEqual(event["found_size"], str(found))
        seen = int(event["seen_size"])
        self.assertGreater(seen, found)
        harness.wait_until(lambda: kept_size() == seen, "what was seen is kept")
        denied = stack.system_events("access_denied")[-1][2]
        self.assertIn("older than this gateway has seen", denied["reason"])

        os.kill(stack.pid("gatetape-auditd"), signal.SIGKILL)
        stack.restart("gatetape-gateway")
        self.assertIn("the database is older", refused_line())
        self.assertEqual(len(stack.system_events("rollback_seen")), 2)
        doctor = stack.gatetape("doctor")
        self.assertEqual(doctor.returncode, 1)
        self.assertIn("the gateway refuses sessions", doctor.stdout.decode())

        accepted = stack.gatetape("log", "accept", "--reason", REASON)
        self.assertEqual(accepted.returncode, 0, accepted.stderr)
        harness.wait_until(stack.works, "sessions are opened again")
        event = stack.system_events("rollback_accepted")
        self.assertEqual([fields for _, _, fields in event],
                         [{"by": pwd.getpwuid(os.getuid()).pw_name, "reason": REASON}])
        self.assertFalse({"checkpoint.accept", "checkpoint.refused"}
                         & set(os.listdir(f"{stack.dir}/gateway")))
        harness.wait_until(lambda: kept_size() > seen, "the log goes on behind what was published")
        self.assertTrue(stack.works())
        self.accept_where_auditd_alone_refuses()

    def accept_where_auditd_alone_refuses(self):
        """A gateway that has seen no checkpoint serves, and auditd knows what it has published."""
        roll_back()
        os.kill(stack.pid("gatetape-auditd"), signal.SIGKILL)
        os.unlink(f"{stack.dir}/gateway/checkpoint")
        stack.restart("gatetape-gateway")
        harness.wait_until(lambda: self.last_of("log_rolled_back", "log_rollback_accepted")
                           == "log_rolled_back", "auditd refuses")
        accepted = stack.gatetape("log", "accept", "--reason", REASON)
        self.assertEqual(accepted.returncode, 0, accepted.stderr)
        harness.wait_until(lambda: self.last_of("log_rolled_back", "log_rollback_accepted")
                           == "log_rollback_accepted", "auditd goes on")

    @staticmethod
    def last_of(*events):
        """Returns which of the events auditd has logged last."""
        logged = [line["event"] for line in stack.log("auditd") if line.get("event") in events]
        return logged[-1] if logged else None

    @staticmethod
    def echo(process, line):
        process.stdin.write(line)
        process.stdin.flush()
        return process.stdout.readline()


if __name__ == "__main__":
    unittest.main()
