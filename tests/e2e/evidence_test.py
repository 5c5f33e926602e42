"""What was recorded can be listed, searched, replayed, exported and proven, and every change that a
superuser makes in the database is detected."""

import json
import os
import re
import unittest

import harness

stack = None
TAMPERED = 5


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


class Record(unittest.TestCase):
    def test_ls_gives_the_facts_of_a_session(self):
        session = record("echo for ls")
        listed = [row for row in stack.query("ls", "--user", "ali*") if row["id"] == session]
        self.assertEqual(len(listed), 1)
        row = listed[0]
        for key, value in {"user": "alice", "login": harness.LOGIN, "target": "web",
                           "state": "closed", "kind": "session", "rule": "full",
                           "bytes_out": len("for ls\n"), "bytes_in": 0}.items():
            self.assertEqual(row[key], value, key)
        self.assertTrue(row["key_fingerprint"].startswith("SHA256:"))
        self.assertTrue(row["source"].startswith("127.0.0.1:"))
        for key in ("started_at", "ended_at", "duration_s", "end_reason", "frames", "head",
                    "gateway", "target_address"):
            self.assertIn(key, row)

    def test_search_finds_a_command(self):
        session = record("echo needle_in_the_hay")
        found = stack.query("search", "needle_in_the_hay")
        self.assertIn(session, str(found))
        self.assertEqual(stack.gatetape("search", "never typed by anyone").stdout.strip(), b"")

    def test_search_finds_any_bytes_as_they_are_and_as_they_are_shown(self):
        session = record(b"true 'exact\tA\nB\xffC\\x1bD\x1bE'")
        shown = stack.gatetape("search", b"exact\tA").stdout
        text = rb"true 'exact\x09A\x0aB\xffC\\x1bD\x1bE'"
        self.assertIn(text, shown)
        for pattern in (b"exact\ta", b"A\nB\xff", b"B\xffC", b"D\x1bE", rb"exact\x09A\x0aB",
                        rb"\xffc\\x1bD\x1be", text):
            with self.subTest(pattern=pattern):
                self.assertEqual([hit["id"] for hit in stack.query("search", pattern)], [session])
        for pattern in (rb"exact\\x09A", b"C\x1bD", rb"C\x1bD", rb"D\\x1bE"):
            with self.subTest(pattern=pattern):
                self.assertEqual(stack.query("search", pattern), [])
        self.assertEqual(stack.gatetape("verify", session).returncode, 0)

    def test_show_tells_of_requests_and_verdict(self):
        session = record("echo to show")
        shown = stack.gatetape("show", session).stdout.decode()
        for text in ("alice", "echo to show", "exit-status", "intact"):
            self.assertIn(text, shown)

    def test_play_shows_what_the_person_saw(self):
        session = record("printf 'a line\\nand caf\\303\\251\\n'")
        played = stack.gatetape("play", "--text", session)
        self.assertEqual(played.returncode, 0, played.stderr)
        self.assertIn("a line\nand café", played.stdout.decode())

    def test_export_raw_is_exactly_what_passed(self):
        data = os.urandom(700_000)
        command = "tee /dev/stderr # raw"
        ran = harness.run([*stack.jump(), command], input=data)
        self.assertEqual(ran.returncode, 0)
        session = stack.session_of(command)
        for stream in ("in", "out", "err"):
            raw = stack.gatetape("export", session, "-o", "raw", "--stream", stream)
            self.assertTrue(raw.stdout == data, stream)

    def test_play_in_a_small_terminal_offers_to_resize_or_to_clip(self):
        large = harness.Terminal(stack.jump("-tt"), rows=30, columns=100)
        large.type("printf 'wide%090d|cut\\033[29;1Hlow\\033[3;1Hhigh\\n' 7; exit\r")
        large.finish()
        session = stack.newest_session()
        stack.wait_closed(session)
        question = "This terminal has 80x24, and the recorded one had 100x30"
        words = [f"{harness.BIN}/gatetape", "--dir", stack.dir, "play", "-s", "1000", session]
        with self.subTest("clipped"):
            small = harness.Terminal(words)
            small.expect(question)
            small.type("xc")
            self.assertEqual(small.finish(), 0, small.screen)
            shown = small.screen.split(b"\x1b[?7l", 1)[1]
            self.assertIn(b"wide" + b"0" * 76 + b"\x1b[3;1Hhigh", shown)
            self.assertIn(b"\x1b[?7h", small.screen)
        with self.subTest("resized"):
            small = harness.Terminal(words)
            small.expect(question)
            small.type("r")
            small.expect("\x1b[8;30;100t")
            small.expect("did not resize itself")
            small.type("r")
            small.expect("\x1b[8;30;100t")
            small.resize(30, 100)
            small.expect("|cut\x1b[29;1Hlow\x1b[3;1Hhigh")
            self.assertEqual(small.finish(), 0, small.screen)
        for name, key, shown in (("as it is", "\r", True), ("quit", "q", False)):
            with self.subTest(name):
                small = harness.Terminal(words)
                small.expect(question)
                small.type(key)
                self.assertEqual(small.finish(), 0, small.screen)
                self.assertEqual(b"|cut\x1b[29;1Hlow" in small.screen, shown)
        with self.subTest("large enough"):
            same = harness.Terminal(words, rows=30, columns=100)
            self.assertEqual(same.finish(), 0, same.screen)
            self.assertIn(b"|cut\x1b[29;1Hlow", same.screen)
            self.assertNotIn(b"This terminal has", same.screen)

    def test_export_cast_is_played_by_asciinema(self):
        terminal = harness.Terminal([*stack.jump("-tt"), "echo cast me; stty size"])
        self.assertEqual(terminal.finish(), 0)
        session = stack.session_of("echo cast me; stty size")
        path = f"{stack.folder}/a.cast"
        exported = stack.gatetape("export", session, "-o", "cast", "--output-file", path)
        self.assertEqual(exported.returncode, 0, exported.stderr)
        with open(path, encoding="utf-8") as file:
            header = json.loads(file.readline())
        self.assertEqual((header["version"], header["width"], header["height"]), (2, 80, 24))
        played = harness.run(["script", "-qec", f"/usr/bin/asciinema cat {path}", "/dev/null"],
                             env={**os.environ, "HOME": stack.folder, "LC_ALL": "C.UTF-8"})
        self.assertEqual(played.returncode, 0, played.stdout)
        self.assertIn(b"cast me\r\n24 80", played.stdout)

    def test_what_is_not_there_has_its_own_exit_code(self):
        nobody = "00000000-0000-7000-8000-000000000000"
        self.assertEqual(stack.gatetape("show", nobody).returncode, 3)
        self.assertEqual(stack.gatetape("no-such-verb").returncode, 2)
        session = record("echo on one channel")
        there_is_none = b"the session has no channel 9; it has channel 1"
        for words in (["play", "--text"], *(["export", "-o", form]
                                            for form in ("raw", "txt", "cast", "json"))):
            ran = stack.gatetape(*words, session, "--channel", "9")
            self.assertEqual((ran.returncode, ran.stdout), (3, b""), words)
            self.assertEqual(ran.stderr.count(b"\n"), 1, ran.stderr)
            self.assertIn(there_is_none, ran.stderr, words)
            self.assertEqual(stack.gatetape(*words, session, "--channel", "1").returncode, 0)

    def test_each_question_is_itself_recorded(self):
        stack.query("search", "who asks this")
        self.assertIn("who asks this", str(stack.system_events("query")))


class Names(unittest.TestCase):
    """A session is named by its id, the beginning or the end of the id, or by its place."""

    def assert_named(self, name, session):
        """Checks that every verb with an ID finds the session by the name."""
        shown = stack.gatetape("show", name, "-o", "json")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertEqual(json.loads(shown.stdout)["id"], session, name)
        self.assertEqual(stack.query("verify", name)[0]["id"], session, name)
        exported = stack.gatetape("export", name, "-o", "json")
        self.assertEqual(json.loads(exported.stdout)["session"]["id"], session, name)
        played = stack.gatetape("play", "--text", name)
        self.assertEqual(played.returncode, 0, played.stderr)
        self.assertEqual(played.stdout, stack.gatetape("play", "--text", session).stdout)

    def ls_on_a_terminal(self):
        """Returns the ids that `ls` shows on a terminal, newest first."""
        terminal = harness.Terminal([f"{harness.BIN}/gatetape", "--dir", stack.dir, "ls",
                                     "--limit", "0"], columns=300, env={"NO_COLOR": "1"})
        self.assertEqual(terminal.finish(), 0)
        lines = terminal.screen.decode().splitlines()
        return [line.split()[0] for line in lines[1:] if line.strip()]

    def test_every_verb_takes_every_form_of_a_name(self):
        older = record("echo the one before")
        session = record("echo the newest one")
        digits = session.replace("-", "")
        for name in ("last", "last~0", digits, digits.upper(), digits[-12:], session[-17:],
                     session[:-1]):
            self.assert_named(name, session)
        self.assert_named("last~1", older)

    def test_ls_on_a_terminal_shows_a_name_that_can_be_typed(self):
        session = record("echo short name")
        shown = self.ls_on_a_terminal()
        whole = [row["id"] for row in stack.query("ls", "--limit", "0")]
        self.assertEqual(len(shown), len(whole))
        self.assertEqual(whole[0], session)
        for name, one in zip(shown, whole):
            self.assertTrue(4 <= len(name) <= 8 and one.replace("-", "").endswith(name), name)
        self.assert_named(shown[0], session)

    def test_only_a_terminal_gets_short_names(self):
        session = record("echo whole id")
        for words in ((), ("-o", "csv"), ("-o", "jsonl")):
            self.assertIn(session, stack.gatetape("ls", *words).stdout.decode())

    def test_an_ambiguous_name_lists_candidates(self):
        # The first eight digits are the same for 65.5 s. Of three sessions, two neighbours have the
        # same ones even when that time ends between them.
        first, second = record("echo first twin"), record("echo second twin")
        if first[:8] != second[:8]:
            first, second = second, record("echo third twin")
        self.assertEqual(first[:8], second[:8], "the test took over a minute")
        ran = stack.gatetape("show", second[:8])
        self.assertEqual((ran.returncode, ran.stdout), (2, b""))
        message = ran.stderr.decode()
        self.assertEqual(len(message.splitlines()), 1, message)
        self.assertIn(second, message)
        self.assertLessEqual(len(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", message)), 5, message)

    def test_what_names_no_session_has_its_exit_code(self):
        for verb in (["show"], ["play", "--text"], ["export", "-o", "txt"], ["verify"]):
            self.assertEqual(stack.gatetape(*verb, "last~999999").returncode, 3, verb)
            self.assertEqual(stack.gatetape(*verb, "00000000").returncode, 3, verb)
            for name in ("abc", "last~", "last~1000001", "xyzw", "Last"):
                self.assertEqual(stack.gatetape(*verb, name).returncode, 2, (verb, name))

    def test_bash_completes_names(self):
        session = record("echo complete me")
        script = stack.gatetape("completion", "bash").stdout.decode()
        def completed(*words):
            ran = harness.run(["bash", "-c", f"""{script}
                COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gatetape
                printf '%s\\n' "${{COMPREPLY[@]}}" """, "bash", "gatetape", *words],
                env={**os.environ, "PATH": f"{harness.BIN}:{os.environ['PATH']}"})
            return ran.stdout.decode().split()
        for verb in ("show", "play", "export", "verify"):
            self.assertIn(session, completed("--dir", stack.dir, verb, ""))
            self.assertEqual(completed(verb, "--dir", stack.dir, session[:-4]), [session])
            self.assertIn("last~1", completed("--dir", stack.dir, verb, "la"))
        self.assertNotIn(session, completed("--dir", stack.dir, "ls", ""))
        self.assertIn("--channel", completed("--dir", stack.dir, "play", "--"))


class Tampering(unittest.TestCase):
    """Each test alters its own session."""

    def altered(self, name, sql, seq=None):
        session = record(f"seq 1 2000; echo secret plan {name}")
        self.assertEqual(stack.gatetape("verify", session).returncode, 0)
        stack.tamper(sql.replace("$ID", f"'{session}'"))
        ran = stack.gatetape("verify", session, "-o", "json")
        self.assertEqual(ran.returncode, TAMPERED, f"{ran.stdout} {ran.stderr}")
        verdict = json.loads(ran.stdout)[0]
        self.assertEqual(verdict["verdict"], "tampered")
        if seq is not None:
            wanted = seq(session) if callable(seq) else seq
            self.assertEqual(verdict["first_bad_seq"], wanted, verdict)
        return verdict

    def test_one_byte_of_a_frame(self):
        # The last byte of the last row belongs to the last frame of the session.
        self.altered("byte", """update gatetape.frames set data =
            set_byte(data, octet_length(data) - 1, 255 - get_byte(data, octet_length(data) - 1))
            where session_id = $ID and first_seq = (select max(first_seq) from gatetape.frames
            where session_id = $ID)""")

    def test_a_frame_is_named(self):
        self.altered("named", """update gatetape.frames set root = set_byte(root, 0,
            255 - get_byte(root, 0)) where session_id = $ID and first_seq = 1""", 1)

    def test_another_commit_key(self):
        self.altered("key", """update gatetape.session_key set commit_key =
            set_byte(commit_key, 0, 255 - get_byte(commit_key, 0)) where session_id = $ID""", 0)

    def test_a_dropped_row(self):
        self.altered("dropped", """delete from gatetape.frames where session_id = $ID
            and first_seq = (select min(first_seq) from gatetape.frames
            where session_id = $ID and first_seq > 1)""",
            lambda session: int(stack.sql("select min(last_seq) + 1 from gatetape.frames "
                                          f"where session_id = '{session}'")[0][0]))

    def test_two_swapped_rows(self):
        self.altered("swapped", """with two as (select first_seq, data, codec, raw_bytes,
            row_number() over (order by first_seq) as n from gatetape.frames
            where session_id = $ID order by first_seq limit 2)
            update gatetape.frames f set data = o.data, codec = o.codec, raw_bytes = o.raw_bytes
            from two m, two o where f.session_id = $ID and f.first_seq = m.first_seq
            and o.n = 3 - m.n""", 1)

    def test_a_dropped_end(self):
        self.altered("end", """delete from gatetape.frames where session_id = $ID
            and first_seq = (select max(first_seq) from gatetape.frames where session_id = $ID)""")

    def test_another_person_in_the_session_row(self):
        self.altered("user", "update gatetape.session set user_name = 'bob' where session_id = $ID")

    def test_another_time_in_the_session_row(self):
        self.altered("time", "update gatetape.session set started_at = started_at - interval '1 h' "
                             "where session_id = $ID")

    def test_another_command_in_the_event_row(self):
        self.altered("event", "update gatetape.event set text = 'ls' "
                              "where session_id = $ID and name = 'exec'",
                     lambda session: int(stack.sql("select min(seq) from gatetape.event where "
                                                   f"session_id = '{session}' and name = 'exec'")
                                         [0][0]))

    def test_a_dropped_event_row(self):
        self.altered("no event", "delete from gatetape.event where session_id = $ID "
                                 "and name = 'exec'")

    def test_a_head_signed_by_nobody(self):
        self.altered("head", """update gatetape.head set gateway_signature =
            set_byte(gateway_signature, 5, 255 - get_byte(gateway_signature, 5))
            where session_id = $ID""")

    def test_a_session_that_is_gone_altogether(self):
        session = record("echo gone altogether")
        for table in ("frames", "session_key", "head", "session", "session_end", "channel",
                      "event"):
            stack.tamper(f"delete from gatetape.{table} where session_id = '{session}'")
        # The gateway's own record names the session. Its newest frames do not count as proof before
        # the next heartbeat.
        def accused():
            ran = stack.gatetape("verify", "--all")
            self.assertIn(ran.returncode, (0, TAMPERED))
            return ran.returncode == TAMPERED and session in ran.stdout.decode()
        harness.wait_until(accused, "the gateway's record accuses")

    def test_a_guard_that_was_switched_off(self):
        trigger = "alter table gatetape.{} {} trigger {}_is_append_only"
        stack.sql(trigger.format("event_default", "disable", "event"))
        try:
            verified = stack.gatetape("verify", "--all", "-o", "json")
            doctor = stack.gatetape("doctor")
        finally:
            stack.sql(trigger.format("event_default", "enable", "event"))
        line = "gatetape.event_default: trigger event_is_append_only is `"
        self.assertEqual(verified.returncode, TAMPERED, verified.stderr)
        self.assertEqual([verdict["detail"].split("`")[0] + "`" for verdict in
                          json.loads(verified.stdout) if not verdict["id"]],
                         [f"a guard of the database differs: {line}"])
        self.assertEqual(doctor.returncode, 1)
        self.assertIn(f"FAIL  {line}", doctor.stdout.decode())
        self.assertNotIn(line, stack.gatetape("doctor").stdout.decode())

    def test_only_what_was_altered_is_accused(self):
        session = record("echo innocent")
        self.assertEqual(stack.gatetape("verify", session).returncode, 0)


if __name__ == "__main__":
    unittest.main()
