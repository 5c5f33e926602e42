"""What a superuser of the database can compute from its rows: the frames of a session again, with
the leaves and the roots of another session id or of other payloads (docs/FORMAT.md sections 3, 5
and 6). Shares no code with gatetape."""

import hashlib
import hmac
import struct
import uuid

import witness

OUT = 2
INPUT_KINDS = (1, 4, 5)


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def derived(key, info, size=32):
    """Returns HKDF-SHA-256 without a salt."""
    return mac(mac(bytes(32), key), info + b"\x01")[:size]


def frames_of_batch(data):
    at = 0
    while at < len(data):
        channel, kind, offset, size = struct.unpack(">IHQI", data[at:at + 18])
        yield [channel, kind, offset, data[at + 18:at + 18 + size]]
        at += 18 + size


class Session:
    """The frames of a stored session, to be altered and stored as one row."""

    def __init__(self, stack, session):
        self.stack, self.id = stack, session
        rows = stack.sql("select codec, raw_bytes, encode(data, 'hex') from gatetape.frames "
                         f"where session_id = '{session}' order by first_seq")
        self.frames = []
        for codec, size, data in rows:
            data = bytes.fromhex(data)
            self.frames += frames_of_batch(
                witness.decompress(data, int(size)) if codec == "1" else data)
        self.key = bytes.fromhex(stack.sql("select encode(commit_key, 'hex') from "
                                           f"gatetape.session_key where session_id = '{session}'")
                                 [0][0])

    def leaf(self, seq, frame):
        channel, kind, offset, payload = frame
        info = b"gatetape input v2" if kind in INPUT_KINDS else b"gatetape record v2"
        commitment = mac(mac(derived(self.key, info), struct.pack(">Q", seq)), payload)
        head = struct.pack(">B16sQIHQI", 2, uuid.UUID(self.id).bytes, seq, channel, kind, offset,
                           len(payload))
        return hashlib.sha256(b"\0" + head + commitment).digest()

    def root(self):
        leaves = [self.leaf(seq, frame) for seq, frame in enumerate(self.frames, 1)]
        while len(leaves) > 1:
            pairs = zip(leaves[::2], leaves[1::2])
            last = leaves[-1:] if len(leaves) % 2 else []
            leaves = [hashlib.sha256(b"\x01" + left + right).digest()
                      for left, right in pairs] + last
        return leaves[0]

    def row(self):
        """Returns the SQL that stores the frames as one row of gatetape.frames."""
        data = b"".join(struct.pack(">IHQI", *frame[:3], len(frame[3])) + frame[3]
                        for frame in self.frames)
        size_in, size_out = (sum(len(frame[3]) for frame in self.frames if frame[1] in kinds)
                             for kinds in ((1,), (2, 3)))
        last = self.frames[-1]
        return (f"insert into gatetape.frames values ('{self.id}', 1, {len(self.frames)}, "
                f"'\\x{self.root().hex()}', {size_in}, {size_out}, 0, {len(data)}, "
                f"'\\x{data.hex()}', {last[2]}, {last[1]});")

    def rewrite(self):
        """Replaces what is stored of the frames."""
        self.stack.tamper(f"delete from gatetape.frames where session_id = '{self.id}'; "
                          + self.row())

    def invent(self):
        """Stores the frames under a new id, and copies the derived rows. Returns the id."""
        old, self.id = self.id, str(uuid.UUID(bytes=uuid.UUID(self.id).bytes[:12] + b"fake"))
        check = derived(self.key, b"gatetape check v2", 16)
        copies = ""
        for table, bound in (("session", ""), ("channel", ""),
                             ("event", f"and seq <= {len(self.frames)}")):
            copies += (f"insert into gatetape.{table} select (jsonb_populate_record(t, "
                       f"jsonb_build_object('session_id', '{self.id}'))).* "
                       f"from gatetape.{table} t where session_id = '{old}' {bound};")
        self.stack.tamper(
            "insert into gatetape.session_key (session_id, commit_key, format_version, key_check) "
            f"values ('{self.id}', '\\x{self.key.hex()}', 2, '\\x{check.hex()}'); "
            + self.row() + copies)
        return self.id
