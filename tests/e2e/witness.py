"""What truly passed, seen from outside: a program on the target that logs what it receives, clients
that log what they see, and a reader of what PostgreSQL stores that shares no code with gatetape.

On the target:  witness.py type|sink|source|sftp FOLDER NAME
FOLDER/NAME.in gets what the target received, FOLDER/NAME.out what it sent, FOLDER/NAME.seen what
the user saw; each only grows, and is written with one write(2) as the bytes pass.
"""

import collections
import contextlib
import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time

import machine

SFTP_SERVER = "/usr/lib/openssh/sftp-server"
IN, OUT = 1, 2  # kinds of frames, docs/FORMAT.md section 2
BLOCK = 16384
PACE_S = 0.08  # The pause between two blocks of a bulk transfer.
PORTION = 25  # How many clients' streams are read at once.


class Log:
    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def add(self, data):
        os.write(self.fd, data)


def put(fd, data):
    while data:
        data = data[os.write(fd, data):]


def logged_input(log):
    while data := os.read(0, 65536):
        log.add(data)
        yield data


def on_target(mode, folder, name):
    received, sent = Log(f"{folder}/{name}.in"), Log(f"{folder}/{name}.out")
    if mode == "type":
        for data in logged_input(received):
            sent.add(data)
            put(1, data)
    elif mode == "sink":
        for _ in logged_input(received):
            pass
    elif mode == "source":
        noise = random.Random(name)
        while True:
            block = noise.randbytes(BLOCK)
            sent.add(block)
            put(1, block)
            time.sleep(PACE_S)
    elif mode == "sftp":
        with subprocess.Popen([SFTP_SERVER], stdin=subprocess.PIPE) as server:
            for data in logged_input(received):
                put(server.stdin.fileno(), data)
            server.stdin.close()


class Client:
    """One stock client in one session of a mode. `ended` is true when the session has ended."""

    def __init__(self, words, mode, folder, name):
        self.name, self.mode, self.folder = name, mode, folder
        self.ended = False
        self.command = f"{sys.executable} -B {os.path.abspath(__file__)} {mode} {folder} {name}"
        self.last = False  # The client shall send nothing more.
        self.said_bytes = 0
        self.batches = 0  # Batches of sftp commands. sftp prints each command that it begins.
        self.errors = open(f"{folder}/{name}.errors", "wb")
        start = self.start_sftp if mode == "sftp" else self.start_ssh
        self.process = start(words)
        self.threads = [threading.Thread(target=work, daemon=True)
                        for work in (self.write, self.read)]
        for thread in self.threads:
            thread.start()

    def start_ssh(self, words):
        return subprocess.Popen([*words, self.command], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=self.errors)

    def start_sftp(self, words):
        """Starts sftp with a script for its ssh that keeps what sftp receives."""
        script = f"{self.folder}/{self.name}.ssh"
        with open(script, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nssh "$@" | tee {self.folder}/{self.name}.seen\n')
        os.chmod(script, 0o755)
        local = f"{self.folder}/{self.name}.local"
        with open(local, "wb") as file:
            file.write(random.Random(self.name).randbytes(50_000))
        self.batch = f"put {local} {local}.there\nget {local}.there {local}.back\n".encode()
        options = ["-P" if word == "-p" else word for word in words[1:-1] if word != "-T"]
        return subprocess.Popen(
            ["sftp", "-q", *options, "-S", script, "-s", self.command, "-b", "-", words[-1]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def write(self):
        noise = random.Random(self.name)
        with contextlib.suppress(OSError), self.process.stdin:  # the session ended
            while not self.last and not self.ended:
                said = self.next_input(noise)
                put(self.process.stdin.fileno(), said)
                self.said_bytes += len(said)
                time.sleep(noise.uniform(0.01, 2 * PACE_S))

    def next_input(self, noise):
        if self.mode == "type":
            return b"%d\n" % noise.randrange(10 ** noise.randrange(1, 30))
        if self.mode == "sink":
            return noise.randbytes(BLOCK)
        if self.mode == "sftp" and self.logged("chatter").count(b"> get") == self.batches:
            self.batches += 1
            return self.batch
        return b""

    def read(self):
        seen = Log(f"{self.folder}/{self.name}.{'chatter' if self.mode == 'sftp' else 'seen'}")
        with self.process.stdout, self.errors:
            while data := os.read(self.process.stdout.fileno(), 65536):
                seen.add(data)
        os.close(seen.fd)
        self.process.wait()
        self.ended = True

    def finish(self, timeout_s):
        """Ends the input or, when the output has no end, the client. Returns whether the session
        ended in time."""
        self.last = True
        if self.mode == "source":
            self.process.send_signal(signal.SIGTERM)
        self.threads[1].join(timeout_s)
        return self.ended

    def logged_bytes(self, stream):
        """Returns how many bytes logged() would return."""
        try:
            return os.path.getsize(f"{self.folder}/{self.name}.{stream}")
        except FileNotFoundError:
            return 0

    def logged(self, stream):
        try:
            with open(f"{self.folder}/{self.name}.{stream}", "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""


class Load:
    """Many clients at once. A new session follows each session that ended."""

    def __init__(self, stack, folder, sizes, target="web"):
        """`sizes` maps each mode to its number of clients."""
        self.stack, self.folder, self.target = stack, folder, target
        os.makedirs(folder, exist_ok=True)
        self.slots = [mode for mode, count in sizes.items() for _ in range(count)]
        self.live = [None] * len(self.slots)
        self.clients = []
        self.checked, self.unchecked = 0, []
        self.stopped = threading.Event()
        self.keeper = threading.Thread(target=self.keep, daemon=True)
        self.keeper.start()

    def keep(self):
        while not self.stopped.wait(0.1):
            for slot, mode in enumerate(self.slots):
                if self.live[slot] is None or self.live[slot].ended:
                    words = (self.stack.jump if slot % 4 == 0 else self.stack.direct)(
                        "-T", target=self.target)
                    name = f"{mode}-{len(self.clients)}"
                    self.live[slot] = Client(words, mode, self.folder, name)
                    self.clients.append(self.live[slot])

    def busy(self):
        """Returns how many sessions have passed a byte."""
        return sum(1 for client in self.live
                   if client and not client.ended
                   and (client.logged_bytes("seen") or client.logged_bytes("in")))

    def wait_all_pass(self):
        """Waits until every session passes bytes; returns how many seconds it took."""
        return seconds_until(lambda: self.busy() == len(self.slots), "all sessions pass")

    def seconds_until_typing_passes(self):
        """Waits until every live typing session shows what is typed after this call; returns how
        many seconds it took."""
        typing = [client for client in self.live if client.mode == "type"]
        marks = [client.said_bytes for client in typing]
        return seconds_until(
            lambda: all(client.logged_bytes("seen") > mark or client.ended
                        for client, mark in zip(typing, marks)), "what is typed passes")

    def passed_bytes(self):
        return sum(client.logged_bytes(stream)
                   for client in self.clients for stream in ("in", "seen"))

    def unrecorded(self):
        """Returns unrecorded() of the clients that were active since the last call."""
        clients = self.unchecked + self.clients[self.checked:]
        self.checked += len(clients) - len(self.unchecked)
        self.unchecked = [client for client in clients if not client.ended]
        return unrecorded(clients, self.stack.sql)

    def stop(self, timeout_s=60):
        """Ends all sessions; returns the clients that did not end by themselves."""
        self.stopped.set()
        self.keeper.join()
        stuck = [client for client in self.live if client and not client.finish(timeout_s)]
        self.kill()
        return stuck

    def kill(self):
        """Kills all clients, when a test gives up."""
        self.stopped.set()
        self.keeper.join()
        for client in self.clients:
            if not client.ended:
                client.process.kill()


def seconds_until(condition, what):
    """Waits for `condition`; returns how many seconds it took."""
    started = time.monotonic()
    machine.wait_until(condition, what)
    return time.monotonic() - started


def decompress(data, raw_bytes):
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(raw_bytes)
    size = zstd.ZSTD_decompress(out, ctypes.c_size_t(raw_bytes), data, ctypes.c_size_t(len(data)))
    if size != raw_bytes:
        raise AssertionError("a batch that does not decompress")
    return out.raw


def frames_of(data):
    """Yields (kind, payload) of each frame of a stored batch (docs/FORMAT.md section 6)."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at + 14:at + 18], "big")
        yield int.from_bytes(data[at + 4:at + 6], "big"), data[at + 18:at + 18 + size]
        at += 18 + size


def stored_streams(clients, sql):
    """Returns {name of a client: {kind: bytes}} of what is stored. `sql` reads it. Rows must have
    no hole and no overlap."""
    wanted = {client.name for client in clients}
    names = {session: command.split()[-1] for session, command in sql(
        "select session_id, text from gatetape.event where name = 'exec' "
        "and text like '%witness.py%'") if command.split()[-1] in wanted}
    streams = {name: collections.defaultdict(bytearray) for name in names.values()}
    nexts = dict.fromkeys(names, 1)
    for session, first, last, codec, raw_bytes, data in sql(
            "select session_id, first_seq, last_seq, codec, raw_bytes, encode(data, 'hex') "
            f"from gatetape.frames where session_id = any('{{{','.join(names)}}}') "
            "order by session_id, first_seq"):
        if int(first) != nexts[session]:
            raise AssertionError(f"{session}: row {first}, not {nexts[session]}")
        nexts[session] = int(last) + 1
        data = bytes.fromhex(data)
        for kind, payload in frames_of(decompress(data, int(raw_bytes)) if codec == "1" else data):
            if kind in (IN, OUT):
                streams[names[session]][kind] += payload
    return streams


def unrecorded(clients, sql):
    """Returns what passed and is not stored: [(client, stream, bytes passed, bytes stored)]. What
    passed is read before what is stored."""
    bad = []
    for some in portions(clients):
        passed = [(client, stream, kind, client.logged(stream))
                  for client in some for stream, kind in (("in", IN), ("seen", OUT))]
        streams = stored_streams(some, sql)
        for client, stream, kind, data in passed:
            stored = streams.get(client.name, {}).get(kind, b"")
            if not stored.startswith(data):
                bad.append((client.name, stream, len(data), len(stored)))
    return bad


def portions(clients):
    """Returns the clients in portions, because the streams of all may not fit into memory."""
    return [clients[at:at + PORTION] for at in range(0, len(clients), PORTION)]


def not_whole(clients, sql):
    """Returns the same as unrecorded, for clients that ended in order, which a source never does:
    what passed must be all that is stored, and what the target sent must be what the user saw."""
    streams = stored_streams(clients, sql)
    bad = []
    for client in clients:
        if client.mode == "source":
            continue
        for stream, kind in (("in", IN), ("seen", OUT)):
            stored = streams.get(client.name, {}).get(kind, b"")
            if client.logged(stream) != stored:
                bad.append((client.name, stream, len(client.logged(stream)), len(stored)))
        if client.mode == "type" and client.logged("in") != client.logged("seen"):
            bad.append((client.name, "echo", len(client.logged("in")), len(client.logged("seen"))))
    return bad


if __name__ == "__main__":
    on_target(*sys.argv[1:4])
