"""What a superuser of the database does to the record, and the line of `gatetape verify --all` that
names it (docs/THREATS.md, "Attacks on the record"). Unit tests hold the attacks on single tables of
the log (tests/unit/auditd/verify)."""

import json
import os
import re
import signal
import subprocess
import unittest

import forge
import harness

stack = None
TAMPERED = 5
TABLES = ("frames", "session_key", "head", "session", "session_end", "channel", "event",
          "session_heads")


def setUpModule():
    global stack
    stack = harness.Stack()


def tearDownModule():
    stack.close()


def record(command):
    """Runs a command through the gateway and returns the id of its closed session."""
    ran = harness.run([*stack.jump(), command])
    assert ran.returncode == 0, ran.stderr
    return stack.session_of(command)


def delete(session, *tables):
    stack.tamper("".join(f"delete from gatetape.{table} where session_id = '{session}';"
                         for table in tables or TABLES))


def system_session(daemon):
    """Returns the id of the newest system session of a daemon."""
    return stack.sql("select s.session_id from gatetape.session s where s.kind = 'system' and "
                     f"s.gateway {'like' if daemon == 'auditd' else 'not like'} '%/auditd' "
                     "order by s.started_at desc limit 1")[0][0]


def logged(session, state="open"):
    """Waits until the list with a line of a session has its place in the log."""
    harness.wait_until(lambda: stack.sql(
        "select 1 from gatetape.session_heads join gatetape.log_leaf using (leaf) "
        f"where session_id = '{session}' and state = '{state}'"), f"{session} is in the log")


class Attacks(unittest.TestCase):
    def verdicts(self, *options):
        """Returns what `gatetape verify --all` prints."""
        ran = stack.gatetape("verify", "--all", "-o", "json", *options)
        self.assertIn(ran.returncode, (0, TAMPERED), ran.stderr)
        found = json.loads(ran.stdout)
        self.assertEqual(ran.returncode == TAMPERED,
                         any(row["verdict"] == "tampered" for row in found))
        return found

    def assert_named(self, session, pattern):
        """Checks that a verdict names the session, or for None the log, in words like these."""
        found = [row["detail"] for row in self.verdicts()
                 if row["verdict"] == "tampered" and (row["id"] or None) == session]
        self.assertTrue(any(re.search(pattern, detail) for detail in found),
                        f"{session} is not named by {pattern}: {found}")

    def test_attacks_in_turn(self):
        self.assertEqual([row for row in self.verdicts() if row["verdict"] == "tampered"], [])
        for attack in (self.invented_session, self.invented_session_with_lines,
                       self.cut_system_session, self.rewritten_interrupted_session,
                       self.cut_interrupted_session, self.deleted_auditd_session,
                       self.session_deleted_with_every_row, self.disabled_trigger,
                       self.replaced_list, self.restored_dump):
            with self.subTest(attack.__name__):
                attack()

    def invented_session(self):
        session = record("echo genuine")
        logged(session)  # before that the log of a new database has not begun
        genuine = forge.Session(stack, session)
        genuine.frames.pop()
        self.assert_named(genuine.invent(), "was not recorded by a registered recorder")

    def invented_session_with_lines(self):
        """The lines of a genuine session are copied, too."""
        session = record("echo with lines")
        logged(session)
        genuine = forge.Session(stack, session)
        genuine.frames.pop()
        invented = genuine.invent()
        stack.tamper(f"insert into gatetape.session_heads select '{invented}', state, at, leaf "
                     f"from gatetape.session_heads where session_id = '{session}' "
                     "and state = 'open'")
        self.assert_named(invented, "the heads list of .* does not have its open line")

    def interrupted(self, command):
        """Returns the id of a session that a crash of the gateway interrupted."""
        with subprocess.Popen([*stack.jump(), f"{command}; read x"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            client.stdout.readline()
            session = stack.session_of(f"{command}; read x", closed=False)
            harness.wait_until(lambda: stack.sql(
                "select 1 from gatetape.heads where position(convert_to("
                f"'{session} ' || (select max(last_seq) from gatetape.frames where session_id = "
                f"'{session}') || ' ', 'UTF8') in list) > 0"), "a list names its newest frame")
            os.kill(stack.pid("gatetape-gateway"), signal.SIGKILL)
            client.stdin.close()
            client.wait()
        harness.wait_until(stack.works, "the gateway is back")
        return session

    def rewritten_interrupted_session(self):
        session = forge.Session(stack, self.interrupted("echo the truth"))
        for frame in session.frames:
            if frame[1] == forge.OUT:
                frame[3] = frame[3].replace(b"truth", b"a lie")
        session.rewrite()
        self.assert_named(session.id, "(is|are) not what the heads list of .* names")

    def cut_interrupted_session(self):
        session = forge.Session(stack, self.interrupted("echo to be cut"))
        session.frames.pop()
        session.rewrite()
        self.assert_named(session.id, r"missing from the end; the heads list of .* named")

    def cut_system_session(self):
        """The gateway's system session is cut before the last user session, which is deleted."""
        record("echo before")
        run = system_session("gateway")
        cut = len(forge.Session(stack, run).frames)
        user = record("echo vanishes")
        stack.restart("gatetape-gateway")
        harness.wait_until(stack.works, "the gateway is back")
        stack.wait_closed(run)
        logged(run, "close")
        system = forge.Session(stack, run)
        system.frames = system.frames[:cut]
        delete(user)
        delete(run, "head", "session_end")
        stack.tamper(f"delete from gatetape.event where session_id = '{run}' and seq > {cut}")
        system.rewrite()
        self.assert_named(run, "missing from the end; the heads list of .* named")
        self.assert_named(user, "it is not stored, but the log has its open line of 20")

    def deleted_auditd_session(self):
        session = system_session("auditd")
        stack.restart("gatetape-auditd")
        harness.wait_until(lambda: stack.gatetape("ls").returncode == 0, "auditd is back")
        stack.wait_closed(session)
        logged(session, "close")
        delete(session)
        self.assert_named(session, "it is not stored, but the log has its open line of 20")

    def session_deleted_with_every_row(self):
        session = record("echo deleted with every row")
        logged(session, "close")
        stack.tamper(
            "with gone as (delete from gatetape.session_heads where session_id = "
            f"'{session}' returning at, leaf), lists as (delete from gatetape.heads h using gone g "
            "where h.at = g.at and h.leaf = g.leaf returning h.leaf) "
            "delete from gatetape.log_entry e using lists l where e.leaf = l.leaf")
        delete(session)
        record("echo the next number")
        self.assert_named(None, r"the heads list(s of the leaves .* are| of .* is) missing")
        self.assert_named(None, r"session \d+ of gateway run .* is missing")

    def disabled_trigger(self):
        trigger = "alter table gatetape.log_leaf {} trigger log_leaf_is_append_only"
        stack.sql(trigger.format("disable"))
        self.assert_named(None, "gatetape.log_leaf: trigger log_leaf_is_append_only is")
        stack.sql(trigger.format("enable"))

    def replaced_list(self):
        session = record("echo replaced list")
        logged(session)
        stack.tamper("update gatetape.heads h set list = replace(encode(list, 'escape'), ' open', "
                     "' live')::bytea from gatetape.session_heads s where h.leaf = s.leaf and "
                     f"h.at = s.at and s.session_id = '{session}' and s.state = 'open'")
        self.assert_named(session, "which is said to have its open line, is not the one of its")

    def restored_dump(self):
        """The newest leaves are lost, as after the restore of a dump. What was published says so,
        and the gateway lets no fresh session follow."""
        record("echo not in the dump")
        harness.wait_until(lambda: stack.sql(
            "select 1 where (select count(*) from gatetape.log_leaf) = "
            "(select size from gatetape.checkpoint order by n desc limit 1)"), "all is signed")
        size = int(stack.sql("select max(leaf_index) from gatetape.log_leaf")[0][0]) - 3
        stack.tamper(f"delete from gatetape.log_leaf where leaf_index > {size}; "
                     f"delete from gatetape.checkpoint where size > {size + 1}")
        self.assert_named(None, "behind the published checkpoint|another one than the published|"
                                "missing|not what checkpoint")
        fresh = harness.wait_until(self.refusal, "the gateway refuses sessions")
        self.assertIn("than this gateway has seen", fresh)
        self.assert_named(None, "behind the published checkpoint|another one than the published|"
                                "missing|not what checkpoint")

    @staticmethod
    def refusal():
        ran = harness.run([*stack.jump(), "echo a fresh session"])
        return ran.stderr.decode() if ran.returncode != 0 else None


class Since(unittest.TestCase):
    def test_a_verification_goes_on_behind_a_session(self):
        ids = sorted(row["id"] for row in json.loads(
            stack.gatetape("verify", "--all", "-o", "json").stdout) if row["id"])
        rest = json.loads(stack.gatetape("verify", "--all", "--after", ids[1], "-o", "json",
                                         "--since", "1h").stdout)
        self.assertNotIn(ids[1], [row["id"] for row in rest if row["verdict"] != "tampered"])
        progress = stack.gatetape("verify", "--all", "--progress")
        self.assertRegex(progress.stderr.decode(), r"\d+ of \d+ sessions verified")


if __name__ == "__main__":
    unittest.main()
