"""A witness cosigns a log that only grows, and an auditor's mirror keeps its checkpoints. Both
catch a log whose key was stolen and whose history was rewritten."""

import functools
import http.server
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import machine
import small_log
from log_witness import Witness
from machine import BIN, run

ORIGIN = "gw.gatetape/log"
TAMPERED, UNREACHABLE = 5, 6

folder = None
key = None
honest = None
forged = None


def setUpModule():
    global folder, key, honest, forged
    folder = tempfile.mkdtemp(prefix="gatetape_witness_", dir="/dev/shm")
    key = small_log.Key(f"{folder}/log.pem", ORIGIN)
    entries = [b"entry %d" % i for i in range(700)]
    honest = small_log.SmallLog(key, entries)
    # Whoever stole the key of the log rewrites what happened from entry 10 on.
    forged = small_log.SmallLog(key, entries[:10] + [b"forged %d" % i for i in range(10, 700)])


def tearDownModule():
    shutil.rmtree(folder)


class WitnessTest(unittest.TestCase):
    def setUp(self):
        self.path = tempfile.mkdtemp(dir=folder)
        self.witness = Witness(self.path, key.vkey).start()
        self.addCleanup(self.witness.stop)

    def test_a_log_that_only_grows_gets_cosignatures_that_openssl_verifies(self):
        before = int(time.time())
        for old, size in ((0, 1), (1, 300), (300, 300), (300, 700)):
            status, _, line = self.witness.add(honest, old, size)
            self.assertEqual(status, 200, line)
            self.assertTrue(small_log.is_cosignature(self.witness.vkey, honest.text(size), line))
            signed_at = int.from_bytes(small_log.base64.b64decode(line.split()[2])[4:12], "big")
            self.assertTrue(before <= signed_at <= time.time())
        self.assertFalse(small_log.is_cosignature(self.witness.vkey, forged.text(700), line))

    def test_a_fork_is_refused_and_logged_with_its_checkpoint(self):
        self.assertEqual(self.witness.add(honest, 0, 300)[0], 200)
        status, content_type, _ = self.witness.add(forged, 300, 300)
        self.assertEqual((status, content_type.split(";")[0]), (409, "text/plain"))
        self.assertEqual(self.witness.add(forged, 300, 700)[0], 422)
        line = [line for line in self.witness.events() if line["event"] == "fork_refused"][0]
        self.assertIn(forged.text(300).replace("\n", "\\x0a"), line["checkpoint"])
        self.assertEqual(self.witness.add(honest, 300, 700)[0], 200)

    def test_a_rollback_is_refused_also_after_the_witness_was_killed(self):
        self.assertEqual(self.witness.add(honest, 0, 300)[0], 200)
        for old in (0, 100):
            self.assertEqual(self.witness.add(honest, old, 200), (409, "text/x.tlog.size", "300\n"))
        self.witness.stop(signal.SIGKILL)
        self.witness.start()
        self.assertEqual(self.witness.add(honest, 100, 200), (409, "text/x.tlog.size", "300\n"))
        self.assertEqual(self.witness.add(forged, 300, 300)[0], 409)
        self.assertEqual(self.witness.add(honest, 300, 301)[0], 200)

    def test_a_stranger_gets_no_cosignature(self):
        other = small_log.Key(f"{self.path}/other.pem", ORIGIN)
        unknown = small_log.Key(f"{self.path}/unknown.pem", "b.gatetape/log")
        self.assertEqual(self.witness.add(small_log.SmallLog(other, [b"x"]), 0, 1)[0], 403)
        self.assertEqual(self.witness.add(small_log.SmallLog(unknown, [b"x"]), 0, 1)[0], 404)
        self.assertEqual(self.witness.ask(body="old 0\n\nnothing")[0], 400)

    def test_pages_and_limits(self):
        self.assertEqual(self.witness.ask("/")[::2], (200, self.witness.vkey + "\n"))
        self.assertEqual(self.witness.ask("/healthz")[0], 200)
        self.assertEqual(self.witness.ask("/metrics")[0], 404)
        self.assertEqual(self.witness.ask("/add-checkpoint")[0], 405)
        self.assertEqual(self.witness.ask(body="x" * (132 << 10))[0], 400)
        self.assertEqual(self.witness.ask(body="x" * ((132 << 10) + 1))[0], 413)
        self.assertEqual(self.witness.ask(body="x" * (5 << 20))[0], 413)

    def test_a_damaged_state_and_a_second_witness_do_not_start(self):
        self.assertEqual(self.witness.add(honest, 0, 300)[0], 200)
        self.assertEqual(self.witness.begin().wait(30), 1)
        self.assertIn("another witness uses state_dir", self.witness.events()[-1]["error"])
        self.assertEqual(self.witness.stop(), 0)
        name = next(name for name in os.listdir(f"{self.path}/state") if name != "lock")
        state = f"{self.path}/state/{name}"
        with open(state, "r+b") as file:
            file.seek(-5, os.SEEK_END)
            file.write(b"A")
        self.assertEqual(self.witness.begin().wait(30), 1)
        self.assertEqual(self.witness.events()[-1]["event"], "cannot_start")
        self.assertIn(f"{state} is damaged", self.witness.events()[-1]["error"])
        os.remove(state)
        self.witness.start()

    def test_a_key_is_made_once_and_is_secret(self):
        made = f"{self.path}/w.pem"
        self.assertEqual(os.stat(made).st_mode & 0o777, 0o600)
        again = run([f"{BIN}/gatetape-witness", "--make-key", made, "w"])
        self.assertEqual((again.returncode, again.stdout), (1, b""))
        bad = run([f"{BIN}/gatetape-witness", "--make-key", f"{made}2", "a b"])
        self.assertEqual((bad.returncode, os.path.exists(f"{made}2")), (2, False))


class HttpsTest(unittest.TestCase):
    def test_a_log_is_cosigned_over_https(self):
        path = tempfile.mkdtemp(dir=folder)
        witness = Witness(path, key.vkey, tls=True).start()
        self.addCleanup(witness.stop)
        self.assertEqual(witness.add(honest, 0, 300)[0], 200)
        plain = run(["curl", "-sS", "--noproxy", "*", f"http://127.0.0.1:{witness.port}/healthz"])
        self.assertNotEqual(plain.returncode, 0)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class MirrorTest(unittest.TestCase):
    def setUp(self):
        self.path = tempfile.mkdtemp(dir=folder)
        self.published, self.copy = f"{self.path}/published", f"{self.path}/copy"
        os.makedirs(self.copy)
        self.write_keys(key.vkey)

    def write_keys(self, *keys):
        with open(f"{self.copy}/log.vkey", "w", encoding="utf-8") as file:
            file.write("# the log\n" + "".join(f"{one}\n" for one in keys))

    def words(self, *more, source=None):
        return [f"{BIN}/gatetape", "mirror", self.copy, source or self.published, *more]

    def mirror(self, *more, source=None):
        """Returns (exit code, the object that was printed)."""
        ran = run(self.words("-o", "json", *more, source=source))
        return ran.returncode, json.loads(ran.stdout or "{}"), ran.stderr.decode()

    def kept(self, name):
        with open(f"{self.copy}/{name}", encoding="utf-8") as file:
            return file.read()

    def serve(self):
        """Serves what is published over HTTP below /log/; returns the URL."""
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(QuietHandler, directory=self.path))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}/published"

    def test_a_log_is_mirrored_from_a_folder_and_over_http(self):
        url = self.serve()
        last = None
        for size, source in ((5, None), (300, url), (512, None), (700, f"{url}/")):
            honest.publish(self.published, size)
            code, found, error = self.mirror(source=source)
            self.assertEqual((code, found["verdict"]), (0, "extended" if last else "first"), error)
            self.assertEqual((found["size"], found["previous_size"]), (size, last))
            last = size
        self.assertEqual(self.kept("newest"), honest.checkpoint(700))
        day = time.strftime("%Y-%m-%d", time.gmtime())
        self.assertIn(self.kept(f"days/{day}"), (honest.checkpoint(5), honest.checkpoint(700)))
        self.assertEqual(self.mirror()[1]["verdict"], "same")

    def test_a_cosignature_is_shown_when_its_key_was_given(self):
        witness = Witness(f"{self.path}/witness", key.vkey).start()
        self.addCleanup(witness.stop)
        honest.publish(self.published, 300, witness.add(honest, 0, 300)[2])
        self.assertEqual(self.mirror()[1]["cosignatures"], [])
        self.write_keys(key.vkey, witness.vkey)
        found = self.mirror()[1]["cosignatures"]
        self.assertEqual([one["name"] for one in found], ["witness.example/w1"])
        text = run(self.words()).stdout.decode()
        self.assertRegex(text, r"^same  gw\.gatetape/log  size 300  root \S+  "
                               r"cosigned by witness\.example/w1 at 20\d\d-")
        self.assertLess(365 * len(self.kept("newest").encode()), 150_000)

    def test_a_fork_exits_5_and_keeps_both_checkpoints(self):
        for size in (300, 700):
            with self.subTest(size=size):
                shutil.rmtree(self.copy)
                os.makedirs(self.copy)
                self.write_keys(key.vkey)
                honest.publish(self.published, 300)
                self.assertEqual(self.mirror()[0], 0)
                forged.publish(self.published, size)
                code, found, error = self.mirror()
                self.assertEqual((code, found["verdict"]), (TAMPERED, "fork"), error)
                self.assertIn("the log forked", error)
                self.assertEqual(self.kept("fork-1"), honest.checkpoint(300))
                self.assertEqual(self.kept("fork-2"), forged.checkpoint(size))
                self.assertEqual((found["kept"], found["found"]),
                                 (self.kept("fork-1"), self.kept("fork-2")))
                # The thief shows the old history again: the fork is not forgotten.
                honest.publish(self.published, 700)
                self.assertEqual(self.mirror()[0], TAMPERED)

    def test_a_rollback_exits_5_and_prints_both_checkpoints(self):
        honest.publish(self.published, 700)
        self.assertEqual(self.mirror()[0], 0)
        honest.publish(self.published, 300)
        ran = run(self.words())
        self.assertEqual(ran.returncode, TAMPERED)
        self.assertIn(b"shows size 300 after size 700; it is the beginning of that tree",
                      ran.stderr)
        for size in (300, 700):
            self.assertIn(honest.checkpoint(size).encode(), ran.stdout)

    def test_what_is_unreachable_exits_6_and_says_what(self):
        code, _, error = self.mirror()
        self.assertEqual(code, UNREACHABLE)
        self.assertIn(f"{self.published}/checkpoint", error)
        port = machine.free_port()
        code, _, error = self.mirror(source=f"http://127.0.0.1:{port}/log")
        self.assertEqual(code, UNREACHABLE)
        self.assertIn(f"127.0.0.1:{port} did not answer: Connection refused", error)

    def test_wrong_usage_exits_2(self):
        os.remove(f"{self.copy}/log.vkey")
        code, _, error = self.mirror()
        self.assertEqual(code, 2)
        self.assertIn("--key FILE", error)
        other = small_log.Key(f"{self.path}/other.pem", "b.gatetape/log")
        for keys, wrong in ((["not a key"], "line 2 is no verifier key"), ([], "no key of a log"),
                            ([key.vkey, other.vkey], "keys of two logs")):
            self.write_keys(*keys)
            code, _, error = self.mirror()
            self.assertEqual(code, 2)
            self.assertIn(f"{self.copy}/log.vkey: ", error)
            self.assertIn(wrong, error)
        self.write_keys(key.vkey)
        self.assertEqual(self.mirror(source="ftp://127.0.0.1/")[0], 2)
        self.assertEqual(self.mirror("--watch", "0")[0], 2)

    def test_watch_goes_on_until_the_log_forks(self):
        honest.publish(self.published, 5)
        with subprocess.Popen(self.words("--watch", "1", "-o", "json"), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as watch:
            self.assertEqual(json.loads(watch.stdout.readline())["verdict"], "first")
            os.rename(f"{self.published}/checkpoint", f"{self.published}/away")
            honest.publish(self.published, 300)
            self.assertEqual(json.loads(watch.stdout.readline())["verdict"], "extended")
            forged.publish(self.published, 700)
            self.assertEqual(json.loads(watch.stdout.readline())["verdict"], "fork")
            self.assertEqual(watch.wait(30), TAMPERED)


if __name__ == "__main__":
    unittest.main()
