"""Writes a stream (README) of bundles whose texts, frames or names were edited at random, and whose
MANIFEST lists what they hold then. What they deserve is not known, and two verifiers must agree.

usage: edited_bundles.py STREAM SEEDS COUNT SEED OUTPUT

The first SEEDS bundles of STREAM are edited."""

import hashlib
import os
import random
import re
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
import verify_bundle  # noqa: E402
from verify_stream import bundles_of  # noqa: E402

NUMBERS = [b"0", b"1", b"2", b"00", b"01", b"-1", b"+1", b" 1", b"9223372036854775807",
           b"9223372036854775808", b"18446744073709551616"]
WORDS = [
    "", "A" * 44, "open", "live", "close", "heads", "key", "start", "log",
    "auditd", "gateway", "recorder", "owner", "abcdefghijklmnop", "abcdefghijklmnopq", "register",
    "retire", "gw.gatetape/log", "019c1a2b-0000-4000-0000-000000000001",
    "019C1A2B-0000-7000-8000-000000000001", "\x00", "\r", "\t", "\x7f", "\x85", "\xa0", "\u2028",
    "\u00e9"]
WORDS = [word.encode() for word in WORDS] + [b"\xff", b"\xed\xa0\x80", b"\xc0\x80"]
CHARACTERS = b"AQgw=019afBZz+/ \n\x80"
NAMES = [b"views/.x", b"views/a", b"views/" + b"a" * 80, b"views/" + b"a" * 81, b"views/a/b",
         b"views/", "views/\u00e9".encode(), b"entries/7", b"entries/07", b"entries/",
         b"entries/9223372036854775807", b"entries/9223372036854775808", b"lines/open", b"lines/x",
         b"head", b"frames"]
FRAME_FIELDS = (
    (0, 2**32 - 1), (0, 1, 16, 17, 50, 51, 999, 2**15 - 1, 2**15, 2**15 + 1, 2**16 - 1),
    (0, 1, 2**63, 2**64 - 1), (0, 1, 2**18, 2**18 + 1, 2**32 - 1))


def members_of(bundle):
    """Returns [name, content] of each member of a good bundle."""
    found = verify_bundle.members_of(memoryview(bundle))
    return [[name.encode(), bytes(content)] for name, content in found.items()]


def packed(members):
    """Returns the bundle of these members, of which MANIFEST lists the others."""
    lines = [line for line in members[0][1].split(b"\n")[:-1]
             if not line.startswith((b"member ", b"manifest "))]
    for name, content in members[1:]:
        hashed = hashlib.sha256(content).hexdigest()
        lines.append(b"member %s %d %s" % (hashed.encode(), len(content), name))
    text = b"".join(line + b"\n" for line in lines)
    text += b"manifest %s\n" % hashlib.sha256(text).hexdigest().encode()
    parts = [verify_bundle.header_of(name, len(content)) + content + bytes(-len(content) % 512)
             for name, content in [[members[0][0], text], *members[1:]]]
    return b"".join(parts) + bytes(1024)


def edit_words(text, dice):
    words = list(re.finditer(rb"[^ \n]+", text)) or [re.search(b"", text)]
    one, other = dice.choice(words), dice.choice(words)
    new = dice.choice([dice.choice(WORDS), other[0]])
    if one[0].isdigit():
        near = b"%d" % max(0, int(one[0]) + dice.choice([-8, -1, 1, 8]))
        new = dice.choice([near, dice.choice(NUMBERS), new])
    return text[:one.start()] + new + text[one.end():]


def edit_lines(text, dice):
    lines = text.split(b"\n")
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    how = dice.randrange(3)
    if how == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif how == 1:
        lines.insert(one, dice.choice([b"", b"extra", lines[other]]))
    else:
        del lines[one]
    return b"\n".join(lines)


def edit_bytes(text, dice):
    at = dice.randrange(len(text) + 1)
    new = dice.choice([dice.randrange(256), dice.choice(CHARACTERS)])
    return text[:at] + bytes([new]) + text[at + dice.randrange(2):]


def edit_frames(content, dice):
    """Sets one field of one frame. Lengths and payloads may then disagree."""
    starts, at = [], 0
    while at < len(content):
        starts.append(at)
        _, kind, _, size = struct.unpack_from(">IHQI", content, at)
        at += 18 + (32 if kind >> 15 else size)
    at, field = dice.choice(starts), dice.randrange(4)
    fields = list(struct.unpack_from(">IHQI", content, at))
    fields[field] = dice.choice(FRAME_FIELDS[field])
    return content[:at] + struct.pack(">IHQI", *fields) + content[at + 18:]


def edit(members, dice):
    judged = [member for member in members if not member[0].startswith((b"views/", b"frame_keys"))]
    member = dice.choice(judged if dice.random() < 0.95 else members)
    if member[0] == b"frames":
        member[1] = edit_frames(member[1], dice)
    elif member[0] != b"MANIFEST" and dice.random() < 0.1:
        member[0] = dice.choice(NAMES)
    else:
        change = dice.choice([edit_words, edit_words, edit_lines, edit_bytes])
        member[1] = change(member[1], dice)


def main():
    stream, seeds, count, seed, output = sys.argv[1:]
    with open(stream, "rb") as file:
        bundles = [bundle for bundle, _ in zip(bundles_of(file), range(int(seeds)))]
    dice = random.Random(int(seed))
    with open(output, "wb") as file:
        for _ in range(int(count)):
            members = members_of(dice.choice(bundles))
            edit(members, dice)
            if dice.random() < 0.25:
                edit([member for member in members if member[0] != b"frames"], dice)
            bundle = packed(members)
            file.write(len(bundle).to_bytes(8, "big") + bundle)


if __name__ == "__main__":
    main()
