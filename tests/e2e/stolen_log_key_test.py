"""The key of a real log is stolen, and its history is rewritten with it: a witness and a mirror
that saw the log before both catch it."""

import glob
import json
import os
import shutil
import tempfile
import unittest

import harness
import small_log
from harness import BIN, run, wait_until
from log_witness import Witness

TAMPERED = 5

folder = None
stack = None


def setUpModule():
    global folder, stack
    folder = tempfile.mkdtemp(prefix="gatetape_stolen_", dir="/dev/shm")
    stack = harness.Stack()


def tearDownModule():
    stack.close()
    shutil.rmtree(folder)


def published(name):
    with open(f"{stack.dir}/published/{name}", encoding="utf-8") as file:
        return file.read()


def published_size():
    return int(published("checkpoint").splitlines()[1])


def mirror(source):
    ran = run([f"{BIN}/gatetape", "mirror", f"{folder}/copy", source, "-o", "json",
               "--key", f"{stack.dir}/keys/log.vkey"])
    return ran.returncode, json.loads(ran.stdout or "{}"), ran.stderr.decode()


class StolenLogKey(unittest.TestCase):
    def test_a_rewritten_history_is_caught_by_witness_and_mirror(self):
        with open(f"{stack.dir}/keys/log.vkey", encoding="utf-8") as file:
            vkey = file.read().strip()
        witness = Witness(f"{folder}/witness", vkey).start()
        self.addCleanup(witness.stop)
        wait_until(lambda: os.path.exists(f"{stack.dir}/published/checkpoint"), "it is published")
        code, found, error = mirror(f"{stack.dir}/published")
        self.assertEqual((code, found.get("verdict")), (0, "first"), error)
        before = found["size"]

        # The log grows honestly: its tiles prove it to the mirror.
        self.assertTrue(stack.works())
        wait_until(lambda: published_size() > before, "the session is in the log")
        code, found, error = mirror(f"{stack.dir}/published")
        self.assertEqual((code, found.get("verdict")), (0, "extended"), error)
        size = int(self.cosign(witness, published("checkpoint")))

        # The thief has the key file, and makes two other histories with it.
        key = small_log.Key(f"{stack.dir}/keys/log_sign.pem", vkey.split("+")[0])
        self.assertEqual(key.vkey, vkey)
        entries = [b"forged %d" % i for i in range(size + 10)]
        forged = small_log.SmallLog(key, entries)
        self.assertEqual(witness.add(forged, size, size)[0], 409)
        self.assertEqual(witness.add(forged, size, size + 10)[0], 422)
        self.assertEqual(witness.add(forged, 0, size - 1), (409, "text/x.tlog.size", f"{size}\n"))
        forged.publish(f"{folder}/forged", size + 10)
        code, found, error = mirror(f"{folder}/forged")
        self.assertEqual((code, found.get("verdict")), (TAMPERED, "fork"), error)
        self.assertEqual(len(glob.glob(f"{folder}/copy/fork-*")), 2)
        self.assertIn(forged.text(size + 10), found["found"])

    def cosign(self, witness, checkpoint):
        """Lets the witness cosign a first checkpoint; returns its size."""
        status, _, line = witness.ask(body=f"old 0\n\n{checkpoint}")
        self.assertEqual(status, 200, line)
        text = checkpoint[:checkpoint.index("\n\n") + 1]
        self.assertTrue(small_log.is_cosignature(witness.vkey, text, line))
        return text.splitlines()[1]


if __name__ == "__main__":
    unittest.main()
