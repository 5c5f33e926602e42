#!/usr/bin/env python3
"""Verifies a bundle without any code of gatetape, as section 10 of docs/FORMAT.md describes it. The
numbers in comments are sections of that page. It needs Python 3.9 and nothing else.

usage: verify.py FILE --key KEYFILE

KEYFILE has one line for each verifier key that you trust: those of logs, which `gatetape log key`
prints, and those of witnesses. The exit code is 0 when the bundle is good, 5 when it is not, and 2
when the command line or KEYFILE is wrong or a file cannot be read."""

import functools, hashlib, hmac, re, struct, sys
from base64 import b64decode, b64encode
from types import SimpleNamespace
NAMES = ("INTEGRITY", "COMPLETENESS", "EXISTENCE", "NOT-AFTER", "SIGNERS", "REDACTIONS", "CLAIMS")
LOG, WITNESS = 1, 4  # types of verifier keys (9.4)

# Forms (9, 10) are regular expressions in which {name:letter} is a value: d or n a number, h or s
# bytes in base64, p a proof. Bytes that are no UTF-8 are surrogates in a text.
VALUES = {
    "d": "0|[1-9][0-9]{0,18}", "n": "[1-9][0-9]{0,18}", "h": "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=",
    "s": "[A-Za-z0-9+/]{85}[AQgw]==", "k": "[0-9a-f]{16}", "r": "[0-9a-f]{32}", "w": "[a-z]{1,16}",
    "u": "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "l": "[^\0-\x1f\ud800-\udfff]+",
    "y": "[^+\0-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]+"}
VALUES.update(t=f"(?:{VALUES['l']}\n)*", p=f"(?:{VALUES['h']}\n){{0,63}}",
              g=f"(?:\u2014 {VALUES['y']} [A-Za-z0-9+/]+=*\n){{1,64}}")
MEMBERS = ("MANIFEST\nframes\nframe_keys\n(?:head\n)?checkpoint\n(?P<entries>(?:entries/[0-9]+\n)*)"
           "(?:lines/open\n)?(?:lines/live\n)?(?:lines/close\n)?"
           "(?P<views>(?:views/[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}\n)*)")
MANIFEST = ("gatetape bundle v1\nsession {session:u}\nformat {version:n}\ncreated {created:d}\n"
            "frames {count:n}\n(?P<left>(?:left-out [0-9]+ [0-9]+ [0-9]+\n)*){rest:t}")
CHECKPOINT = "(?P<text>{origin:l}\n{size:d}\n{root:h}\n{extensions:t})\n{lines:g}"
HEAD = ("(?P<text>gatetape session head v1\n{session:u}\n{size:n}\n{root:h}\n)ed25519 {writer:h}\n"
        "{by_writer:s}\ned25519 {recorder:h}\n{by_recorder:s}\n")
ENTRY = ("{hashes:p}\n(?P<entry>(?P<text>gatetape log entry v1\n{type:w}\n{signer:k}\n(?:{run:r}\n"
         "{n:n}\n{time:d}\n{count:n}\n{root:h}\n|(?P<action>register|retire)\n{role:w}\n{id:k}\n"
         "ed25519 {key:h}\n{since:d}\n)){signature:s}\n)")
LINE = "{at:d}\n{index:d}\n(?P<line>{session:u} {size:n} {root:h} {word:w})\n{hashes:p}"

def need(condition, what):
    if not condition:
        raise ValueError(what)

def scan(form, content):
    """Returns the values of a text, which must have this form."""
    pattern = re.sub(r"{(\w+):(\w)}", lambda part: f"(?P<{part[1]}>{VALUES[part[2]]})", form)
    match = re.fullmatch(pattern, bytes(content).decode("utf-8", "surrogateescape"))
    need(match, f"this has another form: {bytes(content[:60])!r}")
    found, convert = match.groupdict(), {"d": int, "n": int, "h": b64decode, "s": b64decode,
                                         "p": lambda text: list(map(b64decode, text.split()))}
    for name, letter in re.findall(r"{(\w+):([dnhsp])}", form):
        found[name] = None if found[name] is None else convert[letter](found[name])
        need(letter not in "dn" or (found[name] or 0) < 2**63, f"{name} is too large")
    return SimpleNamespace(**found)

# Hashes and Ed25519 (RFC 8032 section 5.1; 10.6). Points have extended coordinates.
def sha256(*parts): return hashlib.sha256(b"".join(parts)).digest()
def key_id(key): return sha256(key)[:8].hex()
def key_hash(name, kind, key): return sha256(name.encode(), b"\n", bytes([kind]), key)[:4]
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

def point_of(encoded):
    y, sign = (int.from_bytes(encoded, "little") & (2**255 - 1)) % P, encoded[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    x = x if x & 1 == sign else -x % P
    return (x, y, 1, x * y % P) if x * x % P == square else None

def add(one, two):
    a, b = (one[1] - one[0]) * (two[1] - two[0]), (one[1] + one[0]) * (two[1] + two[0])
    c, d = 2 * D * one[3] * two[3], 2 * one[2] * two[2]
    e, f, g, h = (b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P
    return e * f % P, g * h % P, f * g % P, e * h % P

@functools.lru_cache(maxsize=10000)
def is_signed(key, text, signature):
    base, point = point_of((4 * pow(5, -1, P) % P).to_bytes(32, "little")), key and point_of(key)
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or not point or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + text.encode()).digest(), "little") % L
    minus_a, total = (P - point[0], point[1], 1, P - point[3]), (0, 1, 1, 0)
    steps = (total, base, minus_a, add(base, minus_a))
    for bit in range(252, -1, -1):
        total = add(add(total, total), steps[(s >> bit & 1) + 2 * (k >> bit & 1)])
    x, y = (value * pow(total[2], -1, P) % P for value in total[:2])
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]

# The form of a bundle (10.1 to 10.4).
def given_keys(content):
    """Returns [(name, type, public key)] of a key file (10.6)."""
    form = "{name:y}[+](?P<hash>[0-9a-f]{8})[+](?P<key>[A-Za-z0-9+/]{44})"
    lines = [scan(form, line) for line in content.split(b"\n") if line and line[:1] != b"#"]
    keys = [(line.name, b64decode(line.key)[0], b64decode(line.key)[1:]) for line in lines]
    need([key_hash(*key).hex() for key in keys] == [line.hash for line in lines]
         and LOG in [key[1] for key in keys] and {key[1] for key in keys} <= {LOG, WITNESS},
         "the lines of the key file are no verifier keys, or there is none of a log")
    return keys

def header_of(name, size):
    header = struct.pack("100s8s8s8s12s12s8ss100s6s2s64s8s8s167s", name, b"0000644", b"0000000",
                         b"0000000", b"%011o" % size, b"00000000000", b" " * 8, b"0", b"", b"ustar",
                         b"00", b"", b"0000000", b"0000000", b"")
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]

def members_of(data):
    """Returns {name: content}. The contents are views of the data."""
    members, at = {}, 0
    while data[at:at + 512] not in (b"", bytes(512)):
        name, size = bytes(data[at:at + 100]).rstrip(b"\0"), bytes(data[at + 124:at + 135])
        need(re.fullmatch(b"[0-7]{11}", size) and data[at:at + 512] == header_of(name, int(size, 8))
             and b"\n" not in name, f"the header at byte {at} has another form")
        name, begin, end = name.decode("latin-1"), at + 512, at + 512 + int(size, 8)
        at = end + -end % 512
        need(name not in members and not any(data[end:at]), f"{name!r} is there twice, or cut")
        members[name] = data[begin:end]
    need(data[at:] == bytes(1024), f"the end of the file, at byte {at}, has another form")
    found = scan(MEMBERS, "".join(f"{name}\n" for name in members).encode())
    entries = [scan("entries/{at:d}", name.encode()).at for name in found.entries.split()]
    need(entries == sorted(entries) and found.views.split() == sorted(found.views.split()),
         "the members are not in order")
    return members

def read_frames(bundle, data, keys):
    """Sets the kind and time of each frame, the roots of the sizes that were signed, and {kind:
    [frames, bytes]} of the absent payloads (3, 5, 10.3)."""
    at, key_at, peaks, session = 0, 0, [], bytes.fromhex(bundle.session.replace("-", ""))
    bundle.frames, bundle.roots, bundle.absent = [], {}, {}
    for seq in range(1, bundle.count + 1):
        channel, stored, time, size = struct.unpack_from(">IHQI", data, at)
        kind, begin, at = stored & 0x7fff, at + 18, at + 18 + (32 if stored >> 15 else size)
        need(size <= 2**18 and at <= len(data), f"frame {seq} is too long or cut")
        if stored >> 15:
            commitment, counts = data[begin:at], bundle.absent.get(kind, [0, 0])
            bundle.absent[kind] = [counts[0] + 1, counts[1] + size]
        else:
            commitment = hmac.digest(keys[key_at:key_at + 32], data[begin:at], "sha256")
            key_at += 32
        bundle.frames.append((kind, time))
        fields = struct.pack(">B16sQIHQI", bundle.version, session, seq, channel, kind, time, size)
        leaf, count = sha256(b"\0", fields, commitment), seq - 1
        while count & 1:
            leaf, count = sha256(b"\x01", peaks.pop(), leaf), count >> 1
        peaks.append(leaf)
        if seq in bundle.sizes:
            bundle.roots[seq] = functools.reduce(lambda r, l: sha256(b"\x01", l, r), peaks[::-1])
    need(at == len(data) and key_at == len(keys), "bytes follow the last frame or its key")

def read_bundle(data):
    """Returns a bundle that has the right form. Nothing that was signed is verified yet."""
    members = members_of(data)
    manifest = bytes(members.pop("MANIFEST"))
    bundle = scan(MANIFEST, manifest)
    left_out = [scan("left-out {kind:d} {frames:n} {octets:d}", line.encode())
                for line in bundle.left.split("\n")[:-1]]
    bundle.left_out = {left.kind: [left.frames, left.octets] for left in left_out}
    kinds = [left.kind for left in left_out]
    listed = "".join(f"member {sha256(member).hex()} {len(member)} {name}\n"
                     for name, member in members.items())
    hashed = sha256(manifest[:manifest.rfind(b"manifest ")]).hex()
    need(kinds == sorted(set(kinds)) and max(kinds, default=0) < 2**15 and len(manifest) <= 2**20
         and bundle.rest == f"{listed}manifest {hashed}\n" and bundle.version <= 2, "a wrong list")
    note = bundle.note = scan(CHECKPOINT, members["checkpoint"])
    lines = [line.split(" ")[1:] for line in note.lines.split("\n")[:-1]]
    note.signatures = [(name, b64decode(value + "===")) for name, value in lines]
    need(lines == [[name, b64encode(sig).decode()] for name, sig in note.signatures if sig[4:]]
         and len(members["checkpoint"]) <= 2**17, "the checkpoint is no signed note")
    bundle.entries, bundle.lines = {}, {}
    for name, content in members.items():
        if name.startswith("entries/"):
            entry = bundle.entries[int(name[8:])] = scan(ENTRY, content)
            entry.leaf = sha256(b"\0", entry.entry.encode())
            need(entry.type == ("heads" if entry.run else "key") and len(entry.entry) <= 300 and (
                entry.run or key_id(entry.key) == entry.id), f"{name} is no such entry")
        elif name.startswith("lines/"):
            line = bundle.lines[name[6:]] = scan(LINE, content)
            line.leaf, line.list = sha256(b"\0", line.line.encode()), bundle.entries.get(line.at)
            need((line.session, f"lines/{line.word}") == (bundle.session, name) and line.list
                 and line.list.run, f"{name} has another line, or its entry is missing")
    bundle.head = scan(HEAD, members["head"]) if "head" in members else None
    need(not bundle.head or bundle.head.session == bundle.session, "head is of another session")
    bundle.statements = [part for part in (bundle.head, *bundle.lines.values()) if part]
    bundle.sizes = {statement.size for statement in bundle.statements}
    read_frames(bundle, members["frames"], members["frame_keys"])
    return bundle

# The verdicts (9.3, 10.6, 10.7).
def root_over(leaf, index, size, hashes):
    """Returns the root to which an inclusion proof leads, or what is no root."""
    if size <= 1 or not hashes:
        return leaf if (index, size, hashes) == (0, 1, []) else b""
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return sha256(b"\x01", root_over(leaf, index, half, hashes[:-1]), hashes[-1])
    return sha256(b"\x01", hashes[-1], root_over(leaf, index - half, size - half, hashes[:-1]))

def first(*rows): return next(row[::2] for row in rows if row[1])

def has_signed(registered, role, entry):
    return any(known == role and key_id(key) == entry.signer and is_signed(
        key, entry.text, entry.signature) for known, key in registered)

def follow_keys(bundle, given):
    """Returns {(role, key)} after all entries. Sets whether each entry of a key counts."""
    now = {("log", key) for key in given}
    for _, entry in sorted(bundle.entries.items()):
        entry.registered = set(now)
        entry.counts = entry.run or has_signed(now, "log", entry)
        if not entry.run and entry.counts:
            (now.add if entry.action == "register" else now.discard)((entry.role, entry.key))
    return now

def check_note(note, keys):
    """Returns [(type, time, whether it verifies)] of the signatures by these keys."""
    trusted, checked = {(key[0], key_hash(*key)): key[1:] for key in keys}, []
    for name, value in note.signatures:
        kind, key = trusted.get((name, value[:4]), (None, None))
        time, at = (int.from_bytes(value[4:12], "big"), 12) if kind == WITNESS else (0, 4)
        text = f"cosignature/v1\ntime {time}\n{note.text}" if kind == WITNESS else note.text
        if kind:
            checked.append((kind, time, time < 2**63 and is_signed(key, text, value[at:])))
    return checked

def judge(data, keys):
    """Returns the exit code and (name, verdict, reason) of each verdict."""
    try:
        bundle = read_bundle(memoryview(data))
    except (ValueError, struct.error) as error:
        return 5, [(name, "UNKNOWN" if name != NAMES[0] else "BAD", str(error)) for name in NAMES]
    note, head, close = bundle.note, bundle.head, bundle.lines.get("close")
    (kinds, times), n, largest = zip(*bundle.frames), bundle.count, max(bundle.sizes, default=0)
    now = follow_keys(bundle, [key[2] for key in keys if key[:2] == (note.origin, LOG)])
    checked = check_note(note, [key for key in keys if key[1] == WITNESS] + [
        (note.origin, LOG, key) for role, key in now if role == "log"])
    seen = [time for kind, time, _ in checked if kind == WITNESS]
    writers = ("gateway",) if kinds[0] == 16 else ("gateway", "auditd", "keeper", "portal")
    then = close.list.registered if head and close else set()
    integrity = first(
        ("BAD", [at for at in range(n) if kinds[at] in (16, 50)] != [0], "a wrong opening frame"),
        ("BAD", {17, 51} & set(kinds[:-1]), "a frame follows the end of the session"),
        ("BAD", list(times) != sorted(times), "a frame is earlier than the one before it"),
        ("BAD", any(bundle.roots.get(part.size, part.root) != part.root
                    for part in bundle.statements), "the frames are not those that were signed"),
        ("BAD", n != largest, f"{largest} frames were signed, and the bundle has {n}"),
        ("GOOD", True, f"the {n} frames are those that were signed"))
    completeness = first(
        ("BAD", largest > n, "frames are missing"),
        ("BAD", {end.size for end in (head, close) if end} - {n}, "the session ended elsewhere"),
        ("BAD", (head or close) and kinds[-1] not in (17, 51), "the last frame is not an end"),
        ("UNKNOWN", not (head and close), "no head, or no line of the log, says its end"),
        ("GOOD", True, "the session is complete"))
    existence = first(
        ("BAD", not all(good for _, _, good in checked), "a signature of the checkpoint is wrong"),
        ("BAD", any(root_over(entry.leaf, at, note.size, entry.hashes) != note.root
                    for at, entry in bundle.entries.items()), "an entry is not in the log"),
        ("BAD", any(root_over(line.leaf, line.index, line.list.count, line.hashes) != line.list.root
                    for line in bundle.lines.values()), "a line is not in its heads list"),
        ("UNKNOWN", LOG not in [kind for kind, _, _ in checked], "no given key of the log signed"),
        ("UNKNOWN", not bundle.lines, "the log does not name the session"),
        ("GOOD", True, f"the log {note.origin} of size {note.size} names the session"))
    not_after = first(
        ("UNKNOWN", existence[0] != "GOOD" or not seen, "no given witness saw the log"),
        ("GOOD", True, f"a witness saw the log at the Unix time {min(seen, default=0)}"))
    signers = first(
        ("BAD", head and not (is_signed(head.writer, head.text, head.by_writer) and is_signed(
            head.recorder, head.text, head.by_recorder)), "a signature of head is wrong"),
        ("UNKNOWN", existence[0] != "GOOD", "EXISTENCE is not GOOD"),
        ("BAD", not all(entry.counts for entry in bundle.entries.values()), "a key entry is wrong"),
        ("BAD", not all(has_signed(entry.registered, "recorder", entry)
                        for entry in bundle.entries.values() if entry.run),
         "a heads list was not signed by a registered recorder"),
        ("BAD", head and close and not (("recorder", head.recorder) in then and any(
            (role, head.writer) in then for role in writers)), "a key of head is not registered"),
        ("UNKNOWN", head and not close, "the log does not say when head was signed"),
        ("GOOD", True, "every key was registered when it signed"))
    rows = [integrity, completeness, existence, not_after, signers, first(
        ("BAD", bundle.left_out != bundle.absent, "MANIFEST does not say what is left out"),
        ("BAD", bundle.version == 1 and bundle.absent, "a payload of version 1 is left out"),
        ("UNKNOWN", bundle.absent, f"left out as {{kind: [frames, bytes]}}: {bundle.absent}"),
        ("GOOD", True, "nothing is left out")), ("UNKNOWN", "what is in views/ is not judged")]
    is_good = all(row[0] == "GOOD" for row in rows[:3]) and all(row[0] != "BAD" for row in rows)
    return 0 if is_good else 5, [(name, *row) for name, row in zip(NAMES, rows)]

def main(arguments):
    try:
        need(len(arguments) == 3 and arguments[1] == "--key", __doc__)
        with open(arguments[0], "rb") as file, open(arguments[2], "rb") as key_file:
            code, rows = judge(file.read(), given_keys(key_file.read()))
    except (OSError, ValueError) as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 2
    print("\n".join(f"{name} {verdict}  {reason}" for name, verdict, reason in rows))
    return code

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
