"""What gatetape states about one session: its coverage."""

import os
import unittest

import harness

stack = None


def setUpModule():
    global stack
    stack = harness.Stack()


def tearDownModule():
    stack.close_covered()


class Coverage(unittest.TestCase):
    def rows(self, session):
        stack.wait_closed(session)
        return stack.query("coverage", session)

    def found(self, rows, what):
        """Returns the one row of a channel or request."""
        rows = [row for row in rows if row["what"] == what]
        self.assertEqual(len(rows), 1, rows)
        return rows[0]

    def test_a_command_is_recorded(self):
        ran = harness.run([*stack.jump("-o", "SetEnv=LANG=C"), "cat; exit 3"], input=b"12345")
        self.assertEqual((ran.returncode, ran.stdout), (3, b"12345"))
        rows = self.rows(stack.newest_session())
        self.assertEqual([row["seq"] for row in rows], sorted(row["seq"] for row in rows))
        channel, program, status = (self.found(rows, what)
                                    for what in ("session", "exec", "exit-status"))
        self.assertEqual((channel["item"], channel["state"]), ("channel", "recorded"))
        self.assertEqual((program["state"], program["text"]), ("recorded", "cat; exit 3"))
        self.assertEqual((program["bytes_in"], program["bytes_out"]), (5, 5))
        self.assertEqual((status["side"], status["text"]), ("target", "3"))
        self.assertEqual(self.found(rows, "env")["text"], "LANG=C")

    def test_a_denied_request_is_refused_with_its_reason(self):
        ran = harness.run([*stack.jump("-s", user="bob"), "sftp"])
        self.assertNotEqual(ran.returncode, 0)
        rows = self.rows(stack.newest_session())
        denied = self.found(rows, "subsystem")
        self.assertEqual((denied["state"], denied["text"], denied["reason"]),
                         ("refused", "sftp", "your roles do not allow sftp here"))
        self.assertEqual([row["state"] for row in rows], ["recorded", "refused"])

    def test_a_transfer_is_opaque_with_all_its_bytes(self):
        source = f"{stack.folder}/source"
        with open(source, "wb") as file:
            file.write(os.urandom(100_000))
        for protocol, what, name in (("-s", "subsystem", "sftp"), ("-O", "exec", "scp")):
            ran = harness.run(["scp", protocol, "-q", "-F", stack.config(), "-J", "gw", source,
                               f"{harness.LOGIN}@web:{stack.folder}/there"])
            self.assertEqual(ran.returncode, 0, ran.stderr)
            row = self.found(self.rows(stack.newest_session()), what)
            self.assertEqual(row["state"], "opaque")
            self.assertIn(f"does not decode the protocol of {name}", row["reason"])
            self.assertGreater(row["bytes_in"], 100_000)

    def test_a_session_that_cannot_be_accounted_for_is_an_error_of_one_line(self):
        harness.run([*stack.direct(), "echo whole"])
        session = stack.newest_session()
        stack.wait_closed(session)
        stack.sql("set session_replication_role = replica; create table saved as select * from "
                  f"gatetape.frames where session_id = '{session}' order by first_seq limit 1; "
                  f"delete from gatetape.frames f using saved s where f.session_id = s.session_id "
                  "and f.first_seq = s.first_seq")
        ran = stack.gatetape("coverage", session)
        all_of_them = stack.gatetape("coverage", "--all", "-o", "csv")
        stack.sql("insert into gatetape.frames select * from saved")
        self.assertEqual(ran.returncode, 1)
        self.assertIn(b"does not account for everything: there are ", ran.stderr)
        self.assertEqual(all_of_them.returncode, 1)
        self.assertIn(session, [line.split(",")[0] for line in
                                all_of_them.stdout.decode().splitlines() if ",false," in line])

    def test_wrong_use_is_said_in_one_line(self):
        for words, code in ((["coverage"], 2), (["coverage", "last", "--all"], 2),
                            (["coverage", "last", "--since", "1h"], 2),
                            (["coverage", "00000000"], 3)):
            ran = stack.gatetape(*words)
            self.assertEqual(ran.returncode, code, ran.stderr)
            self.assertEqual(len(ran.stderr.splitlines()), 1, ran.stderr)


if __name__ == "__main__":
    unittest.main()
