"""The worked examples of docs/FORMAT.md, verified with tools/verify_bundle.py: sections 7, 9.9 and
10.8. Their code blocks are read from the page, so that page, verifier and product agree."""

import hashlib
import hmac
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, f"{ROOT}/tools")
import verify_bundle as verifier  # noqa: E402

SESSION = "019c1a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b"
COMMIT_KEY = bytes(range(32))


def blocks_of(number):
    """Returns the code blocks of the section with this number."""
    with open(f"{ROOT}/docs/FORMAT.md", encoding="utf-8") as file:
        text = file.read()
    section = re.search(rf"^##+ {re.escape(number)}\.? .*?(?=^##? |^### |\Z)", text, re.M | re.S)
    return re.findall(r"^```\n(.*?)^```$", section.group(0), re.M | re.S)


def direction_key(info):
    """HKDF-SHA-256 of the commit key without a salt: 32 bytes are one round."""
    extracted = hmac.digest(bytes(32), COMMIT_KEY, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


class Section7(unittest.TestCase):
    """The direction keys, the frame keys, and the roots of both frames."""

    def setUp(self):
        self.blocks = [block.split() for block in blocks_of("7")]
        self.data = bytes.fromhex("".join(self.blocks[4]))

    def test_keys_of_the_directions_and_of_the_frames(self):
        keys = [direction_key(f"gatetape {name} v2".encode()) for name in ("input", "record")]
        check = direction_key(b"gatetape check v2")[:16]
        self.assertEqual([key.hex() for key in (*keys, check)], self.blocks[0])
        frame_keys = [hmac.digest(key, number.to_bytes(8, "big"), "sha256").hex()
                      for number, key in ((1, keys[1]), (2, keys[0]))]
        self.assertEqual(frame_keys, self.blocks[1])

    def test_frames_have_the_roots(self):
        bundle = verifier.SimpleNamespace(session=SESSION, version=2, count=2, sizes={1, 2})
        verifier.read_frames(bundle, self.data, bytes.fromhex("".join(self.blocks[1])))
        first, _, root = self.blocks[3]
        self.assertEqual((bundle.roots[1].hex(), bundle.roots[2].hex()), (first, root))
        self.assertEqual(bundle.frames, [(42, 0), (1, 1500000000)])

    def test_other_bytes_have_another_root(self):
        bundle = verifier.SimpleNamespace(session=SESSION, version=2, count=2, sizes={2})
        verifier.read_frames(bundle, self.data[:-1] + b"\n", bytes.fromhex("".join(self.blocks[1])))
        self.assertNotEqual(bundle.roots[2].hex(), self.blocks[3][2])


class Section9(unittest.TestCase):
    """The keys, the heads list, both entries, their leaves, and the proof with its checkpoint."""

    def setUp(self):
        self.keys, self.list, self.key, self.heads, self.hashes, self.proof = blocks_of("9.9")
        self.recorder = verifier.b64decode(self.keys.split("\n")[0].split(" ")[1])
        self.given = verifier.given_keys("\n".join(self.keys.split("\n")[1:]).encode())

    def entry(self, text, proof=()):
        lines = [verifier.b64encode(hashed).decode() for hashed in proof]
        return verifier.scan(verifier.ENTRY, "\n".join([*lines, "", text]).encode())

    def test_entries_are_signed(self):
        key, heads = self.entry(self.key), self.entry(self.heads)
        self.assertEqual((key.type, key.action, key.role, key.key),
                         ("key", "register", "recorder", self.recorder))
        self.assertTrue(verifier.has_signed({("log", self.given[0][2])}, "log", key))
        self.assertTrue(verifier.has_signed({("recorder", key.key)}, "recorder", heads))
        self.assertFalse(verifier.has_signed({("recorder", self.given[0][2])}, "recorder", heads))

    def test_list_and_log_have_the_roots(self):
        leaves = [verifier.sha256(b"\0", line.encode()) for line in self.list.splitlines()]
        heads = self.entry(self.heads)
        self.assertEqual(verifier.root_over(leaves[0], 0, 2, [leaves[1]]), heads.root)
        self.assertEqual(verifier.root_over(leaves[1], 1, heads.count, [leaves[0]]), heads.root)
        entries = [verifier.sha256(b"\0", text.encode()) for text in (self.key, self.heads)]
        root = verifier.root_over(entries[1], 1, 2, [entries[0]])
        self.assertEqual([hashed.hex() for hashed in (*entries, root)], self.hashes.split())

    def test_checkpoint_is_signed_and_cosigned(self):
        text = self.proof.partition("\n\n")[2]
        note = verifier.scan(verifier.CHECKPOINT, text.encode())
        note.signatures = [(name, verifier.b64decode(value)) for _, name, value in
                           (line.split(" ") for line in note.lines.splitlines())]
        self.assertEqual(verifier.check_note(note, self.given),
                         [(verifier.LOG, 0, True), (verifier.WITNESS, 1796000001, True)])
        note.text = note.text.replace("\n2\n", "\n3\n")
        self.assertEqual([good for _, _, good in verifier.check_note(note, self.given)],
                         [False, False])


class Section10(unittest.TestCase):
    """The bundle of 10.8, made here from the blocks of 7, 9.9 and 10.8."""

    def test_bundle_has_the_hash_and_the_verdicts(self):
        manifest, hashed, verdicts = blocks_of("10.8")
        data = self.bundle(manifest)
        self.assertEqual(hashlib.sha256(data).hexdigest(), hashed.strip())
        keys, *_ = blocks_of("9.9")
        code, rows = verifier.judge(
            data, verifier.given_keys("\n".join(keys.split("\n")[1:]).encode()))
        self.assertEqual([f"{name} {verdict}" for name, verdict, _ in rows],
                         [line.strip() for line in verdicts.splitlines()])
        self.assertEqual(code, 5)

    @staticmethod
    def bundle(manifest):
        seven, (_, lists, key, heads, hashes, proof) = blocks_of("7"), blocks_of("9.9")
        leaves = [verifier.b64encode(bytes.fromhex(line)).decode() for line in hashes.split()[:2]]
        lines = lists.splitlines()
        sibling = verifier.sha256(b"\0", lines[0].encode())
        members = {
            "MANIFEST": manifest.encode(),
            "frames": bytes.fromhex("".join(seven[4].split())),
            "frame_keys": bytes.fromhex("".join(seven[1].split())),
            "checkpoint": proof.partition("\n\n")[2].encode(),
            "entries/0": f"{leaves[1]}\n\n{key}".encode(),
            "entries/1": f"{leaves[0]}\n\n{heads}".encode(),
            "lines/open": f"1\n1\n{lines[1]}\n{verifier.b64encode(sibling).decode()}\n".encode(),
            "views/README.txt": b"A claim.\n"}
        parts = [verifier.header_of(name.encode(), len(content)) + content
                 + bytes(-len(content) % 512)
                 for name, content in members.items()]
        return b"".join(parts) + bytes(1024)


class CommandLine(unittest.TestCase):
    """What a person who has a bundle and a key file sees."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.bundle, self.keys = f"{self.folder.name}/bundle", f"{self.folder.name}/keys"
        with open(self.bundle, "wb") as file:
            file.write(Section10.bundle(blocks_of("10.8")[0]))
        with open(self.keys, "w", encoding="utf-8") as file:
            file.write("\n".join(blocks_of("9.9")[0].split("\n")[1:]))

    def run_with(self, *arguments):
        return subprocess.run([sys.executable, "-B", f"{ROOT}/tools/verify_bundle.py", *arguments],
                              capture_output=True, text=True, check=False)

    def test_verdicts_are_printed_with_their_reasons(self):
        ran = self.run_with(self.bundle, "--key", self.keys)
        self.assertEqual((ran.returncode, ran.stderr), (5, ""))
        self.assertEqual([line.split("  ", 1)[0] for line in ran.stdout.splitlines()],
                         blocks_of("10.8")[2].splitlines())
        self.assertIn("NOT-AFTER GOOD  a witness saw the log at the Unix time 1796000001\n",
                      ran.stdout)

    def test_wrong_usage_and_files_that_cannot_be_read(self):
        for arguments in ((), (self.bundle,), (self.bundle, "--keys", self.keys),
                          (self.bundle, "--key", f"{self.folder.name}/none"),
                          (f"{self.folder.name}/none", "--key", self.keys),
                          (self.bundle, "--key", self.bundle)):
            ran = self.run_with(*arguments)
            self.assertEqual((ran.returncode, ran.stdout), (2, ""), arguments)
            self.assertTrue(ran.stderr.startswith("verify.py: "), ran.stderr)
            self.assertNotIn("Traceback", ran.stderr)

    def test_other_file_is_no_bundle(self):
        ran = self.run_with(self.keys, "--key", self.keys)
        self.assertEqual(ran.returncode, 5)
        self.assertTrue(ran.stdout.startswith("INTEGRITY BAD  "), ran.stdout)


class Keys(unittest.TestCase):
    """The text of keys (10.6), and Ed25519 signatures in which one bit is another."""

    def test_texts_that_are_no_keys(self):
        _, log, witness, _ = blocks_of("9.9")[0].split("\n")
        good = (f"{log}\n", f"# a comment\n\n{log}\n{witness}\n", log)
        bad = ("", "# nothing\n", f"{witness}\n", f" {log}\n", f"{log}\r\n", f"{log}+\n",
               log.replace("+62c6", "+62c7"), log.replace("+62", "+62".upper() + "0"))
        for text in good:
            verifier.given_keys(text.encode())
        for text in bad:
            with self.subTest(text), self.assertRaises(ValueError):
                verifier.given_keys(text.encode())

    def test_vector_3_of_rfc_8032(self):
        key = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
        signature = bytes.fromhex(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")
        is_signed = verifier.is_signed.__wrapped__
        text = verifier.SimpleNamespace(encode=lambda: b"\xaf\x82")
        self.assertTrue(is_signed(key, text, signature))
        for bit in range(0, 512, 7):
            changed = bytearray(signature)
            changed[bit // 8] ^= 1 << bit % 8
            self.assertFalse(is_signed(key, text, bytes(changed)), bit)
        s = int.from_bytes(signature[32:], "little") + verifier.L
        self.assertFalse(is_signed(key, text, signature[:32] + s.to_bytes(32, "little")))

    def test_encodings_of_the_neutral_point(self):
        """With it as the key, R neutral and S 0 sign every text. R has one encoding (10.6)."""
        encodings = [number.to_bytes(32, "little")
                     for number in (1, verifier.P + 1, 1 | 1 << 255, 2, verifier.P - 1)]
        good = [[verifier.is_signed(key, "any text", point + bytes(32)) for key in encodings[:4]]
                for point in encodings]
        self.assertEqual(good, [[True, True, True, False]] + [[False] * 4] * 4)


if __name__ == "__main__":
    unittest.main()
