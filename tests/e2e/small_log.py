"""A transparency log in a few lines: the tree of RFC 6962, checkpoints, tiles, and requests to a
witness (docs/FORMAT.md sections 9.3 to 9.8). It shares no code with gatetape, and openssl signs."""

import base64
import hashlib
import os
import subprocess
import tempfile

TILE = 256


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def b64(data):
    return base64.b64encode(data).decode()


def split(size):
    """Returns the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


class Key:
    """An Ed25519 key of openssl in a file, with a key name of C2SP signed-note."""

    def __init__(self, path, name, kind=1):
        if not os.path.exists(path):
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path],
                           check=True)
            os.chmod(path, 0o600)
        der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
                             check=True, capture_output=True).stdout
        self.path, self.name, self.public = path, name, bytes([kind]) + der[-32:]
        self.hash = sha256(name.encode(), b"\n", self.public)[:4]
        self.vkey = f"{name}+{self.hash.hex()}+{b64(self.public)}"

    def sign(self, text):
        """Returns the signature line of a note."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(text.encode())
            file.flush()
            made = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path,
                                   "-in", file.name], check=True, capture_output=True).stdout
        return f"\u2014 {self.name} {b64(self.hash + made)}\n"


def is_cosignature(vkey, note_text, line):
    """Returns whether openssl verifies the cosignature line of a witness for a text."""
    public = base64.b64decode(vkey.split("+", 2)[2])[1:]
    signature = base64.b64decode(line.split()[2])
    time_s = int.from_bytes(signature[4:12], "big")
    signed = f"cosignature/v1\ntime {time_s}\n{note_text}".encode()
    with tempfile.TemporaryDirectory() as folder:
        files = {"key": bytes.fromhex("302a300506032b6570032100") + public,
                 "text": signed, "signature": signature[12:]}
        for name, data in files.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
        ran = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin",
                              "-keyform", "DER", "-inkey", f"{folder}/key",
                              "-in", f"{folder}/text", "-sigfile", f"{folder}/signature"],
                             capture_output=True, check=False)
    return ran.returncode == 0


class SmallLog:
    def __init__(self, key, entries):
        self.key = key
        self.leaves = [sha256(b"\0", entry) for entry in entries]

    def root(self, first, last):
        """Returns the root over the leaves from `first` up to, and without, `last`."""
        if last - first == 0:
            return sha256()
        if last - first == 1:
            return self.leaves[first]
        middle = first + split(last - first)
        return sha256(b"\1", self.root(first, middle), self.root(middle, last))

    def consistency(self, old, size):
        """Returns the consistency proof of RFC 6962 section 2.1.2."""
        return [] if old in (0, size) else self._consistency(old, 0, size, True)

    def _consistency(self, old, first, last, whole):
        if old == last - first:
            return [] if whole else [self.root(first, last)]
        middle = first + split(last - first)
        if old <= middle - first:
            return (self._consistency(old, first, middle, whole)
                    + [self.root(middle, last)])
        return (self._consistency(old - (middle - first), middle, last, False)
                + [self.root(first, middle)])

    def text(self, size):
        return f"{self.key.name}\n{size}\n{b64(self.root(0, size))}\n"

    def checkpoint(self, size, cosignatures=""):
        return f"{self.text(size)}\n{self.key.sign(self.text(size))}{cosignatures}"

    def request(self, old, size):
        """Returns the body of add-checkpoint."""
        proof = "".join(f"{b64(node)}\n" for node in self.consistency(old, size))
        return f"old {old}\n{proof}\n{self.checkpoint(size)}"

    def publish(self, folder, size, cosignatures=""):
        """Writes the tiles of a tree of `size`, and then its checkpoint."""
        level, nodes = 0, self.leaves[:size]
        while nodes:
            for begin in range(0, len(nodes), TILE):
                tile = nodes[begin:begin + TILE]
                # Indexes below 1,000 have one group of digits.
                name = f"tile/{level}/{begin // TILE:03d}"
                if len(tile) < TILE:
                    name += f".p/{len(tile)}"
                write(f"{folder}/{name}", b"".join(tile))
            span = TILE ** (level + 1)
            nodes = [self.root(i * span, (i + 1) * span) for i in range(size // span)]
            level += 1
        write(f"{folder}/checkpoint", self.checkpoint(size, cosignatures).encode())


def write(path, data):
    """Writes a file so that readers see the old or the new one."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.part", "wb") as file:
        file.write(data)
    os.replace(f"{path}.part", path)
