"""The signed log: what is published can be verified by a stranger, one auditd sequences it, and
sessions do not wait for it."""

import base64
import contextlib
import hashlib
import json
import os
import struct
import subprocess
import tempfile
import time
import unittest

import runners
from harness import Stack, wait_until
from log_witness import Witness

TAKE_OVER_S = 10  # within which a second auditd sequences

stack = None
second = None  # another auditd on the same database


def setUpModule():
    global stack, second
    stack = Stack(runner=runners.Separate())
    wait_until(lambda: log_now()["sequencer"] == "sequencing", "the first auditd sequences")
    second = second_auditd()
    second.start()


def second_auditd():
    """Returns an auditd that publishes into another folder."""
    stack.replace_in_config(
        "[auditd]\n", '[auditd]\nlisten = "unix:run/auditd/second.sock"\n', "second.toml")
    with open(f"{stack.dir}/second.toml", "a", encoding="utf-8") as file:
        file.write('publish_dir = "published/second"\n')
    return runners.Daemon(
        [runners.program_for_all("gatetape-auditd"), "--config", f"{stack.dir}/second.toml"],
        runners.account("auditd"), f"{stack.dir}/log/second.log",
        lambda: runners.listens(f"{stack.dir}/run/auditd/second.sock"))


def tearDownModule():
    second.stop()
    stack.close_covered()


def events(daemon, event):
    return [line for line in stack.log(daemon) if line["event"] == event]


def log_now():
    return json.loads(stack.gatetape("log", "-o", "json").stdout)


def wait_sealed():
    """Waits until every entry so far has its place in the log."""
    entries = stack.sql("select count(*) from gatetape.log_entry")[0][0]
    wait_until(lambda: int(stack.sql(
        "select count(*) from gatetape.log_entry e join gatetape.log_leaf using (leaf)")[0][0])
        >= int(entries), "the entries are sequenced")


def published(name):
    with open(f"{stack.dir}/published/{name}", "rb") as file:
        return file.read()


def root_of(leaves):
    """Returns the RFC 6962 root over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def is_signed(public_key, message, signature):
    """Verifies an Ed25519 signature with openssl."""
    with tempfile.TemporaryDirectory() as folder:
        der = bytes.fromhex("302a300506032b6570032100") + public_key
        files = {"key": der, "message": message, "signature": signature}
        for name, content in files.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)
        return subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey",
             f"{folder}/key", "-rawin", "-in", f"{folder}/message", "-sigfile",
             f"{folder}/signature"], capture_output=True, check=False).returncode == 0


class LogTest(unittest.TestCase):
    def test_a_stranger_verifies_what_is_published(self):
        self.assertTrue(stack.works())
        stack.wait_all_closed()
        wait_sealed()
        vkey = stack.gatetape("log", "key").stdout.decode()
        with open(f"{stack.dir}/keys/log.vkey", encoding="utf-8") as file:
            self.assertEqual(vkey, file.read())
        name, key_hash, key = vkey.strip().split("+", 2)
        key = base64.b64decode(key)

        def verified():
            text, _, signatures = published("checkpoint").decode().rpartition("\n\n")
            text += "\n"
            origin, size, root = text.splitlines()
            self.assertEqual(origin, name)
            signature = base64.b64decode(signatures.splitlines()[0].split(" ")[2])
            self.assertEqual(signature[:4].hex(), key_hash)
            self.assertTrue(is_signed(key[1:], text.encode(), signature[4:]))
            size = int(size)
            self.assertLess(size, 256)  # one partial tile
            try:
                entries, tile = (published(f"tile/entries/000.p/{size}"),
                                 published(f"tile/0/000.p/{size}"))
            except FileNotFoundError:
                return False
            leaves = []
            while entries:
                length, = struct.unpack(">H", entries[:2])
                leaves.append(hashlib.sha256(b"\0" + entries[2:2 + length]).digest())
                entries = entries[2 + length:]
            self.assertEqual(len(leaves), size)
            self.assertEqual(b"".join(leaves), tile)
            self.assertEqual(base64.b64encode(root_of(leaves)).decode(), root)
            return True
        wait_until(verified, "the files are there")
        for path in ("", "/checkpoint", "/tile/0/000.p"):
            self.assertTrue(os.stat(f"{stack.dir}/published{path}").st_mode & 0o004, path)

    def test_gatetape_log_shows_the_newest_checkpoint(self):
        wait_sealed()
        shown = log_now()
        self.assertEqual(shown["sequencer"], "sequencing")
        self.assertEqual(shown["newest"]["fault"], "")
        self.assertLess(shown["age_s"], 90)
        self.assertLess(shown["lag_s"], 5)
        listed = json.loads(stack.gatetape("log", "checkpoints", "-o", "json").stdout)
        self.assertEqual([one["n"] for one in listed],
                         list(range(1 + listed[-1]["n"] - len(listed), 1 + listed[-1]["n"])))
        sizes = [one["size"] for one in listed]
        self.assertEqual(sizes, sorted(sizes))
        self.assertEqual(len(json.loads(stack.gatetape(
            "log", "checkpoints", "--limit", "2", "-o", "json").stdout)), 2)
        self.assertIn(b"sequencer   sequencing", stack.gatetape("log").stdout)

    def test_a_witness_cosigns_and_its_loss_delays_nothing(self):
        vkey = stack.gatetape("log", "key").stdout.decode().strip()
        witness = Witness(f"{stack.folder}/witness", vkey).start()
        self.addCleanup(witness.stop)
        second.stop()
        self.addCleanup(second.start)
        line = f'witnesses = [{{ url = "{witness.url}", key = "{witness.vkey}" }}]'
        stack.add_settings({"log": line})
        self.addCleanup(stack.restart, "gatetape-auditd")
        self.addCleanup(stack.replace_in_config, f"{line}\n", "")
        stack.restart("gatetape-auditd")

        def cosigned():
            newest = log_now()["newest"]
            return newest["cosignatures"] and newest
        newest = wait_until(cosigned, "the newest checkpoint is cosigned")
        self.assertEqual(newest["cosignatures"][0]["name"], witness.vkey.split("+")[0])
        wait_until(lambda: published("checkpoint").decode().count("\u2014 ") == 2,
                   "it is published")
        self.assertEqual(log_now()["witnesses"][0]["detail"], "")

        witness.stop()
        self.assertTrue(stack.works())
        wait_sealed()
        wait_until(lambda: not log_now()["witnesses"][0]["ok"], "its loss is shown")
        self.assertIn(b"warn  witness ", stack.gatetape("doctor").stdout)

    def take_over(self, take_away, by):
        """Checks that the auditd whose log is `by` sequences soon after `take_away`."""
        epoch = int(stack.sql("select max(epoch) from gatetape.log_leaf")[0][0]) + 1
        before = time.monotonic()
        take_away()
        wait_until(lambda: any(line["reason"] == f"epoch {epoch}"
                               for line in events(by, "log_sequencing")), "another takes over")
        self.assertLess(time.monotonic() - before, TAKE_OVER_S)

    def test_the_other_auditd_takes_over_from_one_that_dies_or_hangs(self):
        first = stack.daemons["gatetape-auditd"]
        self.take_over(first.kill, "second")
        self.assertTrue(stack.works())
        wait_sealed()
        first.start()
        with contextlib.ExitStack() as paused:
            self.take_over(lambda: paused.enter_context(second.paused()), "auditd")
            wait_sealed()
        wait_until(lambda: events("second", "log_database_lost"), "the one that hung notices it")
        self.assertEqual(
            stack.sql("select count(*) from (select epoch < lag(epoch) over (order by leaf_index) "
                      "as back from gatetape.log_leaf) one where back"), [["0"]])

    def test_sessions_go_on_without_an_auditd(self):
        first = stack.daemons["gatetape-auditd"]
        second.stop()
        self.addCleanup(second.start)
        first.kill()
        self.assertTrue(stack.works())
        doctor = stack.gatetape("doctor")
        self.assertEqual(doctor.returncode, 1)
        self.assertIn(b"start gatetape-auditd", doctor.stdout)
        first.start()
        wait_sealed()
        wait_until(lambda: log_now()["sequencer"] == "sequencing", "it sequences again")
        self.assertIn(b"ok    log of ", stack.gatetape("doctor").stdout)


if __name__ == "__main__":
    unittest.main()
