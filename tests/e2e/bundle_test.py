"""A session is exported as a bundle, which a stranger verifies without a stack."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import unittest

import harness

stack = None
TAMPERED, USAGE = 5, 2
VERIFIER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/verify_bundle.py")
NAMES = ["INTEGRITY", "COMPLETENESS", "EXISTENCE", "NOT-AFTER", "SIGNERS", "REDACTIONS", "CLAIMS"]


def setUpModule():
    global stack
    stack = harness.Stack()


def tearDownModule():
    stack.close()


def path(name):
    return f"{stack.folder}/{name}"


def log_key():
    return f"{stack.dir}/keys/log.vkey"


def typed(text):
    """Runs `cat` through the gateway, types a line into it, and returns the id of the session."""
    command = f"cat; echo {len(text)}"
    ran = harness.run([*stack.jump(), command], input=text.encode())
    assert ran.returncode == 0, ran.stderr
    return stack.session_of(command)


def export(session, name, *options):
    ran = stack.gatetape("export", session, "-o", "bundle", "--output-file", path(name), *options)
    assert ran.returncode == 0, ran.stderr
    return ran.stderr.decode()


def run_verifier(command):
    """Returns the exit code of a verifier and the words of its verdicts."""
    ran = harness.run(command)
    lines = [line.split(" ", 2) for line in ran.stdout.decode().splitlines()]
    assert [line[0] for line in lines] == NAMES, (ran.stdout, ran.stderr)
    return ran.returncode, [line[1] for line in lines]


def verify(name):
    """Verifies a bundle with both verifiers, without a stack, and returns what both say."""
    ours = run_verifier([f"{harness.BIN}/gatetape", "--dir", "/nonexistent", "verify", path(name),
                         "--key", log_key()])
    theirs = run_verifier([sys.executable, "-B", VERIFIER, path(name), "--key", log_key()])
    assert ours == theirs, (ours, theirs)
    return ours


class Bundle(unittest.TestCase):
    def test_a_closed_session_is_proven_to_a_stranger(self):
        session = typed("bundled\n")
        said = export(session, "closed.tar")
        self.assertIn("is in clear", said)
        self.assertEqual(os.stat(path("closed.tar")).st_mode & 0o777, 0o600)
        self.assertEqual(verify("closed.tar"),
                         (0, ["GOOD", "GOOD", "GOOD", "UNKNOWN", "GOOD", "GOOD", "UNKNOWN"]))
        ran = stack.gatetape("verify", path("closed.tar"), "--key", log_key(), "-o", "json")
        self.assertEqual([row["name"] for row in json.loads(ran.stdout)], NAMES)

    def test_any_tar_opens_it_and_the_views_are_there(self):
        session = typed("views\n")
        export(session, "views.tar")
        with tarfile.open(path("views.tar")) as tar:
            names = tar.getnames()
            events = tar.extractfile("views/events.ndjson").read().splitlines()
            cast = tar.extractfile("views/session.cast").read().decode()
            player = tar.extractfile("views/player.html").read().decode()
            readme = tar.extractfile("views/README.txt").read().decode()
        self.assertEqual(names[:2], ["MANIFEST", "frames"])
        for name in ("coverage.json", "verify.py"):
            self.assertIn(f"views/{name}", names)
        self.assertIn("session_open", {json.loads(line)["kind"] for line in events})
        self.assertIn("views", cast)
        self.assertIn(session, player)
        self.assertIn(session, readme)

    def test_the_record_says_what_was_exported(self):
        session = typed("recorded\n")
        export(session, "recorded.tar")
        with tarfile.open(path("recorded.tar")) as tar:
            manifest = tar.extractfile("MANIFEST").read().decode()
        evidence = "".join(line + "\n" for line in manifest.splitlines()
                           if re.match("member [^ ]+ [0-9]+ (?!views/)", line))
        wanted = hashlib.sha256(evidence.encode()).hexdigest()
        queries = harness.wait_until(
            lambda: [fields for _, _, fields in stack.system_events("query")
                     if fields.get("sha256") == wanted], "the export is recorded")
        self.assertEqual(queries[0]["method"], "ExportBundle")
        self.assertIn(session, queries[0]["arguments"])

    def test_input_is_left_out(self):
        session = typed("a secret 7061\n")
        said = export(session, "redacted.tar", "--without-input")
        self.assertIn("redacted", said)
        with tarfile.open(path("redacted.tar")) as tar:
            manifest = tar.extractfile("MANIFEST").read().decode()
        self.assertRegex(manifest, r"(?m)^left-out 1 [0-9]+ 14$")
        self.assertEqual(verify("redacted.tar"),
                         (0, ["GOOD", "GOOD", "GOOD", "UNKNOWN", "GOOD", "UNKNOWN", "UNKNOWN"]))

    def test_what_is_outside_of_a_time_is_left_out(self):
        session = typed("outside 7062\n")
        export(session, "part.tar", "--to", "2020-01-01T00:00:00Z")
        with open(path("part.tar"), "rb") as file:
            self.assertNotIn(b"outside 7062", file.read())
        self.assertEqual(verify("part.tar")[0], 0)

    def test_a_live_session_is_not_complete(self):
        with subprocess.Popen([*stack.jump(), "cat"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as client:
            client.stdin.write(b"still here\n")
            client.stdin.flush()
            self.assertEqual(client.stdout.readline(), b"still here\n")
            export(stack.session_of("cat", closed=False), "live.tar")
            client.stdin.close()
        self.assertEqual(verify("live.tar"),
                         (TAMPERED, ["GOOD", "UNKNOWN", "GOOD", "UNKNOWN", "GOOD", "GOOD",
                                     "UNKNOWN"]))

    def test_a_recipient_alone_reads_it(self):
        session = typed("for one\n")
        harness.run(["age-keygen", "-o", path("age.key")])
        recipient = harness.run(["age-keygen", "-y", path("age.key")]).stdout.decode().strip()
        said = export(session, "one.age", "--recipient", recipient)
        self.assertIn(f"encrypted for {recipient}", said)
        self.assertEqual(verify("one.age")[0], TAMPERED)
        ran = harness.run(["age", "-d", "-i", path("age.key"), "-o", path("one.tar"),
                           path("one.age")])
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(verify("one.tar")[0], 0)

    def test_a_row_that_a_superuser_changed_is_noticed(self):
        session = typed("changed\n")
        stack.tamper("update gatetape.frames set data = set_byte(data, length(data) - 1, "
                     "get_byte(data, length(data) - 1) # 1) where codec = 0 and first_seq = "
                     "(select min(first_seq) from gatetape.frames where codec = 0 and "
                     f"session_id = '{session}') and session_id = '{session}'")
        export(session, "changed.tar")
        code, words = verify("changed.tar")
        self.assertEqual((code, words[0]), (TAMPERED, "BAD"))

    def test_wrong_usage_has_one_line(self):
        session = typed("usage\n")
        for words in (["export", session, "-o", "bundle"],
                      ["export", session, "-o", "bundle", "--output-file", "/dev/null"],
                      ["export", session, "-o", "cast", "--without-input"],
                      ["export", session, "-o", "bundle", "--output-file", path("x"), "--input"],
                      ["export", session, "-o", "bundle", "--output-file", path("x"),
                       "--recipient", "age1nobody"],
                      ["verify", path("none"), "--key", log_key()],
                      ["verify", "--key", log_key()],
                      ["verify", path("closed.tar"), "--key", path("none")],
                      ["verify", path("closed.tar"), "--key", "/etc/hostname"]):
            with self.subTest(words=words):
                ran = stack.gatetape(*words)
                self.assertEqual(ran.returncode, USAGE, ran.stderr)
                self.assertEqual(ran.stderr.count(b"\n"), 1, ran.stderr)


if __name__ == "__main__":
    unittest.main()
