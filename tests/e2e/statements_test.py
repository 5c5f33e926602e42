"""What gatetape states about one session: its coverage, and receipts."""

import base64
import os
import subprocess
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


class Receipts(unittest.TestCase):
    def setUp(self):
        self.keys = f"{stack.dir}/keys/log.vkey"

    def receipt(self, session):
        ran = stack.gatetape("receipt", session)
        self.assertEqual((ran.returncode, ran.stderr), (0, b""))
        return ran.stdout

    def verify(self, text, keys=None):
        """Verifies a receipt as a stranger, who has no stack."""
        write(f"{stack.folder}/receipt", text)
        return harness.run([f"{harness.BIN}/gatetape", "--dir", "/nowhere", "receipt", "verify",
                            f"{stack.folder}/receipt", "--key", keys or self.keys])

    def test_a_stranger_verifies_the_receipt_of_a_closed_session(self):
        harness.run([*stack.direct(), "echo kept"])
        session = stack.newest_session()
        stack.wait_closed(session)
        text = self.receipt(session)
        for line in (f"session {session}", "user alice", f"login {harness.LOGIN}", "target web",
                     "state closed", "bytes_out 5"):
            self.assertIn(line, text.decode().splitlines())
        ran = self.verify(text)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        for word in ("ISSUER GOOD", "HEAD GOOD", "EXISTENCE GOOD  all "):
            self.assertIn(word, ran.stdout.decode())
        self.assertIn("GetReceipt", [fields["method"] for _, _, fields in
                                     stack.system_events("query")])

    def test_openssl_verifies_the_signature(self):
        text = self.receipt("last")
        lines = text.decode().splitlines(keepends=True)
        key = base64.b64decode(lines[-2].split()[1])
        write(f"{stack.folder}/signed", "".join(lines[:-1]).encode())
        write(f"{stack.folder}/signature", base64.b64decode(lines[-1].split()[1]))
        write(f"{stack.folder}/issuer.der", bytes.fromhex("302a300506032b6570032100") + key)
        ran = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER",
                              "-inkey", f"{stack.folder}/issuer.der", "-rawin",
                              "-in", f"{stack.folder}/signed",
                              "-sigfile", f"{stack.folder}/signature"],
                             check=False, capture_output=True)
        self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_a_live_session_has_a_receipt_that_it_was_opened(self):
        with subprocess.Popen([*stack.direct(), "echo on; cat"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as live:
            self.assertEqual(live.stdout.readline(), b"on\n")
            text = self.receipt("last")
            live.communicate(b"")
        self.assertIn(b"\nstate live\n", text)
        self.assertIn(b"\nwriter none\nrecorder none\n", text)
        ran = self.verify(text)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("EXISTENCE GOOD  its opening ", ran.stdout.decode())

    def test_what_was_altered_proves_nothing(self):
        text = self.receipt("last")
        other_log = f"{stack.folder}/other_log"
        write(other_log, b"PeterNeumann+c74f20a3+"
                         b"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n")
        for altered, keys, told in ((text.replace(b"user alice", b"user bob"), None, "ISSUER BAD"),
                                    (text, other_log, "EXISTENCE BAD"),
                                    (text[:-2], None, "is no receipt, or it was damaged")):
            ran = self.verify(altered, keys)
            self.assertEqual(ran.returncode, 5, ran.stdout)
            self.assertIn(told, (ran.stdout + ran.stderr).decode())

    def test_wrong_use_is_said_in_one_line(self):
        for words, code in ((["receipt"], 2), (["receipt", "00000000"], 3),
                            (["receipt", "verify", "/nowhere", "--key", self.keys], 3),
                            (["receipt", "verify", self.keys, "--key", "/dev/null"], 2)):
            ran = stack.gatetape(*words)
            self.assertEqual(ran.returncode, code, ran.stderr)
            self.assertEqual(len(ran.stderr.splitlines()), 1, ran.stderr)


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


if __name__ == "__main__":
    unittest.main()
