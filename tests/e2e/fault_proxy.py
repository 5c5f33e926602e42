"""A proxy for unix sockets that breaks connections on purpose. It knows enough of PostgreSQL's
protocol to cut a connection before or after a COMMIT."""

import contextlib
import os
import socket
import threading
import time

PASS = "pass"
REFUSE = "refuse"  # Nobody listens, and open connections are cut.
STALL = "stall"  # Connections stay open, and no byte passes.
CUT_FIRST_BYTE = "cut_first_byte"  # A connection is cut at the first byte of the client.
CUT_BEFORE_COMMIT = "cut_before_commit"  # The server gets everything except the COMMIT.
CUT_AFTER_COMMIT = "cut_after_commit"  # The server commits, and its answer does not pass.
DELAY = "delay"  # Every chunk is delayed.
SLICE = "slice"  # The first bytes of each chunk are written one by one.

DELAY_S = 0.02
SLICES = 64
READ_BYTES = 65536
LENGTH_BYTES = 4


class Messages:
    """Splits a stream into PostgreSQL's messages (type, length, body). The first message of a
    client has no type."""

    def __init__(self, is_client):
        self.rest = b""
        self.header_bytes = 0 if is_client else 1

    def split(self, data):
        """Returns (type, body, bytes) of each message that `data` completes."""
        self.rest += data
        while len(self.rest) >= self.header_bytes + LENGTH_BYTES:
            size = self.header_bytes + int.from_bytes(
                self.rest[self.header_bytes:self.header_bytes + LENGTH_BYTES], "big")
            if len(self.rest) < size:
                return
            message, self.rest = self.rest[:size], self.rest[size:]
            kind = message[:self.header_bytes]
            body = message[self.header_bytes + LENGTH_BYTES:]
            self.header_bytes = 1
            yield kind, body, message


class Commits:
    """Finds a COMMIT in the messages of a client: a Bind of the statement prepared as `commit`."""

    def __init__(self):
        self.names = set()

    def is_commit(self, kind, body):
        if kind == b"P":
            name, query = body.split(b"\0")[:2]
            if query.lower() == b"commit":
                self.names.add(name)
        return kind == b"B" and body.split(b"\0")[1] in self.names


class Pair:
    """One connection of a client through the proxy to the server."""

    def __init__(self, proxy, client):
        self.proxy, self.client = proxy, client
        self.server = socket.socket(socket.AF_UNIX)
        self.alive = True
        self.works = 2
        try:
            self.server.connect(proxy.upstream)
        except OSError:
            self.alive = False
            self.close()
            return
        for work in (self.up, self.down):
            threading.Thread(target=self.guarded, args=(work,), daemon=True).start()

    def guarded(self, work):
        with contextlib.suppress(OSError):
            work()
        self.cut()
        with self.proxy.changed:
            self.works -= 1
            last = self.works == 0
        if last:
            self.close()

    def close(self):
        self.client.close()
        self.server.close()

    def cut(self):
        self.alive = False
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.proxy.forget(self)

    def up(self):
        messages, commits = Messages(is_client=True), Commits()
        while data := self.client.recv(READ_BYTES):
            mode = self.proxy.passing_mode(self)
            if mode == CUT_FIRST_BYTE:
                return self.proxy.count_cut()
            if not self.proxy.is_postgres:
                self.put(self.server, data, mode)
                continue
            for kind, body, message in messages.split(data):
                if commits.is_commit(kind, body) and self.proxy.mode == CUT_BEFORE_COMMIT:
                    return self.proxy.count_cut()
                self.put(self.server, message, mode)
        return None

    def down(self):
        messages = Messages(is_client=False)
        while data := self.server.recv(READ_BYTES):
            mode = self.proxy.passing_mode(self)
            commits = self.proxy.is_postgres and any(
                kind == b"C" and body == b"COMMIT\0" for kind, body, _ in messages.split(data))
            if commits and mode == CUT_AFTER_COMMIT:
                return self.proxy.count_cut()
            self.put(self.client, data, mode)
        return None

    def put(self, sink, data, mode):
        if mode == DELAY:
            time.sleep(DELAY_S)
        if mode != SLICE:
            return sink.sendall(data)
        for at in range(min(len(data), SLICES)):
            sink.sendall(data[at:at + 1])
        return sink.sendall(data[SLICES:])


class FaultProxy:
    """Listens on the unix socket `path` and connects to `upstream`. Any thread may call it."""

    def __init__(self, path, upstream, is_postgres=False):
        self.path, self.upstream, self.is_postgres = path, upstream, is_postgres
        self.mode = PASS
        self.cuts = 0
        self.pairs = set()
        self.changed = threading.Condition()
        self.listener = None
        self.listen()

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.path)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o777)
        self.listener.listen(64)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                with self.changed:
                    refused = self.mode == REFUSE
                if refused:
                    client.close()
                    continue
                pair = Pair(self, client)
                with self.changed:
                    if pair.alive:
                        self.pairs.add(pair)

    def set_mode(self, mode):
        """Sets the mode for new connections and for those that are open."""
        with self.changed:
            before, self.mode = self.mode, mode
            self.changed.notify_all()
        if mode == REFUSE:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.cut_all()
        elif before == REFUSE:
            self.listen()

    def passing_mode(self, pair):
        """Waits for a mode that lets bytes pass, and returns it."""
        with self.changed:
            self.changed.wait_for(lambda: self.mode != STALL or not pair.alive)
            return self.mode

    def count_cut(self):
        with self.changed:
            self.cuts += 1

    def cut_all(self):
        with self.changed:
            pairs = list(self.pairs)
        for pair in pairs:
            pair.cut()

    def forget(self, pair):
        with self.changed:
            self.pairs.discard(pair)
            self.changed.notify_all()

    def close(self):
        self.set_mode(REFUSE)
