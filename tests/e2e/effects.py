"""What was seen of a conversation, and what the frames of its record let pass.

A kind of frame that record/frame_kinds.def writes and that PASSES does not name fails here.
"""

import collections
import os
import re

import paramiko
from paramiko.common import (
    MSG_CHANNEL_CLOSE, MSG_CHANNEL_DATA, MSG_CHANNEL_EOF, MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_FAILURE, MSG_CHANNEL_OPEN, MSG_CHANNEL_OPEN_FAILURE, MSG_CHANNEL_OPEN_SUCCESS,
    MSG_CHANNEL_REQUEST, MSG_CHANNEL_SUCCESS, MSG_REQUEST_FAILURE)

import witness

KINDS = os.path.join(os.path.dirname(__file__), "../../record/frame_kinds.def")
ANSWERS = {MSG_CHANNEL_OPEN_SUCCESS: ("open_reply", "1"),
           MSG_CHANNEL_OPEN_FAILURE: ("open_reply", "0"),
           MSG_CHANNEL_SUCCESS: ("reply", "1"), MSG_CHANNEL_FAILURE: ("reply", "0"),
           MSG_REQUEST_FAILURE: ("global_reply", "0"),
           MSG_CHANNEL_EOF: ("eof", ""), MSG_CHANNEL_CLOSE: ("close", "")}


class Seen:
    """What passed, or what may pass: messages of each side, and the bytes of each stream."""

    def __init__(self):
        self.messages = collections.Counter()
        self.streams = collections.defaultdict(bytes)

    def add(self, side, what, detail=""):
        self.messages[side, what, detail] += 1

    def add_bytes(self, side, stream, data):
        self.streams[side, stream] += data

    def not_in(self, stored):
        """Returns what was seen and is not stored."""
        more = dict(self.messages - stored.messages)
        more.update({place: data for place, data in self.streams.items()
                     if not stored.streams[place].startswith(data)})
        return more


def add_heard(seen, side, peer):
    for kind, got in list(peer.heard) if peer else []:
        message = paramiko.Message(got.asbytes())  # `got` is read by other threads too.
        if kind == MSG_CHANNEL_OPEN:
            seen.add(side, "open", message.get_text())
        elif kind in ANSWERS:
            seen.add(side, *ANSWERS[kind])
        elif kind == MSG_CHANNEL_REQUEST:
            message.get_int()
            seen.add(side, "request", message.get_text())
        elif kind == MSG_CHANNEL_DATA:
            message.get_int()
            seen.add_bytes(side, "data", message.get_string())
        elif kind == MSG_CHANNEL_EXTENDED_DATA:
            message.get_int(), message.get_int()
            seen.add_bytes(side, "stderr", message.get_string())


# What each kind of frame lets pass once it is durable: functions of (seen, fields of the event). A
# kind that is missing here fails the test.
def denied(seen, fields):
    if fields["name"] != "exec":  # exec is answered by its notice
        seen.add("user", *{"request": ("reply", "0"), "channel": ("open_reply", "0"),
                           "global_request": ("global_reply", "0")}[fields["what"]])


def notice(seen, fields):
    seen.add_bytes("user", "stderr", fields["text"].encode())
    seen.add("user", "reply", "1")
    seen.add("user", "request", "exit-status")


def nothing(seen, fields):
    del seen, fields


PASSES = {
    "session_open": lambda seen, fields: seen.add("target", "connect"),
    "target_connect": lambda seen, fields: seen.add("user", "login", "1"),
    "target_fail": lambda seen, fields: seen.add("user", "login", "0"),
    "session_end": nothing,  # A session that cannot be recorded ends too.
    "banner": lambda seen, fields: seen.add("user", "banner", fields["text"]),
    "channel_open": lambda seen, fields: seen.add("target", "open", fields["type"]),
    "channel_open_reply": lambda seen, fields: seen.add("user", "open_reply", fields["ok"]),
    "request_in": lambda seen, fields: seen.add("target", "request", fields["request"]),
    "request_out": lambda seen, fields: seen.add("user", "request", fields["request"]),
    "reply_out": lambda seen, fields: seen.add("user", "reply", fields["ok"]),
    "eof_in": lambda seen, fields: seen.add("target", "eof"),
    "eof_out": lambda seen, fields: seen.add("user", "eof"),
    "close_in": lambda seen, fields: seen.add("target", "close"),
    "close_out": lambda seen, fields: seen.add("user", "close"),
    "denied": denied,
    "notice": notice,
}
BYTES = {"in": ("target", "data"), "out": ("user", "data"), "err": ("user", "stderr")}


def kinds(classes):
    """Returns {number: name} of the kinds of frames that are written; `classes` says whether a
    class of frame_kinds.def counts."""
    with open(KINDS, encoding="utf-8") as file:
        lines = re.findall(r'^KIND\(\w+, (\d+), "(\w+)", (\w+),', file.read(), re.M)
    return {int(number): name for number, name, kind_class in lines if classes(kind_class)}


OF_SESSIONS = kinds(lambda name: name != "kSystem")
OF_SYSTEM = kinds(lambda name: name == "kSystem")


def stored_frames(session, sql):
    """Returns (name of the kind, payload) of each frame that is stored, in order."""
    rows = sql("select codec, raw_bytes, encode(data, 'hex') from gatetape.frames "
                     f"where session_id = '{session}' order by first_seq")
    return [(OF_SESSIONS[kind], payload) for codec, size, data in rows
            for kind, payload in witness.frames_of(
                witness.decompress(bytes.fromhex(data), int(size)) if codec == "1"
                else bytes.fromhex(data))]


def fields_of(payload):
    texts, at = [], 0
    while at < len(payload):
        size = int.from_bytes(payload[at:at + 4], "big")
        texts.append(payload[at + 4:at + 4 + size].decode(errors="replace"))
        at += 4 + size
    return dict(zip(texts[::2], texts[1::2]))


def may_pass(frames):
    seen = Seen()
    for name, payload in frames:
        if name in BYTES:
            seen.add_bytes(*BYTES[name], payload)
        else:
            PASSES[name](seen, fields_of(payload))
    return seen
