"""SSH peers that break rules: paramiko does the key exchange, and the test sends each message."""

import base64
import hashlib
import socket
import threading
import time

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from paramiko.common import (
    MSG_CHANNEL_OPEN, MSG_CHANNEL_OPEN_SUCCESS, MSG_CHANNEL_REQUEST, MSG_CHANNEL_SUCCESS,
    MSG_CHANNEL_WINDOW_ADJUST, MSG_SERVICE_ACCEPT, MSG_SERVICE_REQUEST, MSG_USERAUTH_FAILURE,
    MSG_USERAUTH_PK_OK, MSG_USERAUTH_REQUEST, MSG_USERAUTH_SUCCESS)

from machine import WAIT_S, free_port, wait_until

__all__ = ["Liar", "Peer", "SecurityKey", "connect", "message"]

LOCAL = "127.0.0.1"
ANSWER_S = 60
WINDOW = 1 << 20
PACKET = 32768


def message(kind, *fields):
    """Returns a message: its number and its fields, which are bool, int (32 bits), bytes or str
    (both as an SSH string)."""
    made = paramiko.Message()
    made.add_byte(bytes([kind]))
    for field in fields:
        if isinstance(field, bool):
            made.add_boolean(field)
        elif isinstance(field, int):
            made.add_int(field)
        else:
            made.add_string(field)
    return made


def strings(*fields):
    """Returns bytes or texts, each as an SSH string."""
    return message(0, *fields).asbytes()[1:]


def connect(port, source=LOCAL):
    """Returns a TCP connection to the gateway from a source address of its own."""
    return socket.create_connection((LOCAL, port), WAIT_S, (source, 0))


class Peer(paramiko.Transport):
    """Either side of a connection. Messages that are no key exchange go to `heard`, not to
    paramiko."""

    def __init__(self, sock):
        super().__init__(sock)
        self.daemon = True
        self.heard = []  # (number, message) of what arrived after the key exchange
        self.taken = False
        self.reads = threading.Event()
        self.reads.set()
        self.read_original = self.packetizer.read_message
        self.packetizer.read_message = self.read_filtered

    def read_filtered(self):
        while True:
            self.reads.wait()
            kind, got = self.read_original()
            if not self.taken or 20 <= kind < 50:
                return kind, got
            self.heard.append((kind, got))

    @classmethod
    def client(cls, sock, user=None, key_file=None):
        """Does the key exchange, and logs in when there is a user."""
        peer = cls(sock)
        peer.start_client(timeout=WAIT_S)
        if user:
            peer.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(key_file))
        peer.taken = True
        return peer

    def say(self, kind, *fields):
        """Sends a message; returns False when the connection is over."""
        try:
            self.packetizer.send_message(message(kind, *fields))
            return True
        except (OSError, EOFError, paramiko.SSHException):
            return False

    def raw(self, data):
        """Sends bytes without encryption."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def wait_for(self, kind, count=1):
        """Waits until so many messages of a kind arrived; returns the fields of the newest."""
        found = wait_until(
            lambda: not self.alive() or len(self.all_of(kind)) >= count, f"message {kind}",
            ANSWER_S)
        if not found or len(self.all_of(kind)) < count:
            raise AssertionError(f"no message {kind}, but {[kind for kind, _ in self.heard]}")
        newest = self.all_of(kind)[-1]
        newest.rewind()
        return newest

    def each_heard(self):
        """Yields (number, message) of each message as it arrives, until the connection is over."""
        done = 0
        while self.alive() or done < len(self.heard) or not self.heard:
            if done == len(self.heard):
                time.sleep(0.005)
                continue
            kind, got = self.heard[done]
            done += 1
            got.rewind()
            yield kind, got

    def all_of(self, kind):
        return [got for number, got in self.heard if number == kind]

    def alive(self):
        return self.is_active()

    def ended(self, timeout_s=ANSWER_S):
        """Waits until the other side ends the connection; returns whether it did."""
        self.reads.set()
        deadline = time.monotonic() + timeout_s
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self.alive()

    def open(self, kind="session", number=0, *fields, window=WINDOW):
        """Opens a channel; returns the number that the other side has for it."""
        before = len(self.all_of(MSG_CHANNEL_OPEN_SUCCESS))
        self.say(MSG_CHANNEL_OPEN, kind, number, window, PACKET, *fields)
        answer = self.wait_for(MSG_CHANNEL_OPEN_SUCCESS, before + 1)
        answer.get_int()
        return answer.get_int()

    def fill_window(self, kind, channel):
        """Sends data until the window stays closed for a second; returns how many bytes."""
        opened = self.all_of(MSG_CHANNEL_OPEN)[-1]
        opened.rewind()
        opened.get_text(), opened.get_int()
        window, sent, seen = opened.get_int(), 0, 0
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            size = min(PACKET, window)
            if size and self.say(kind, channel, bytes(size)):
                window, sent = window - size, sent + size
                deadline = time.monotonic() + 1
            for adjust in self.all_of(MSG_CHANNEL_WINDOW_ADJUST)[seen:]:
                adjust.rewind()
                adjust.get_int()
                window, seen = window + adjust.get_int(), seen + 1
            time.sleep(0 if window else 0.01)
        return sent

    def start_command(self, command, number=0, window=WINDOW):
        """Runs a command on a new channel; returns the number that the other side has for it."""
        channel = self.open("session", number, window=window)
        before = len(self.all_of(MSG_CHANNEL_SUCCESS))
        self.say(MSG_CHANNEL_REQUEST, channel, "exec", True, command)
        self.wait_for(MSG_CHANNEL_SUCCESS, before + 1)
        return channel


class SecurityKey:
    """A FIDO security key in software (OpenSSH's PROTOCOL.u2f), which signs without a touch."""

    ALGORITHM, APPLICATION = "sk-ssh-ed25519@openssh.com", b"ssh:"

    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.blob = strings(self.ALGORITHM, public, self.APPLICATION)

    def line(self):
        return f"{self.ALGORITHM} {base64.b64encode(self.blob).decode()}"

    def log_in(self, peer, user, touched):
        """Asks for a login; returns the number of the answering message."""
        peer.say(MSG_SERVICE_REQUEST, "ssh-userauth")
        peer.wait_for(MSG_SERVICE_ACCEPT)
        fields = (user, "ssh-connection", "publickey", True, self.ALGORITHM, self.blob)
        signed = strings(peer.session_id) + message(MSG_USERAUTH_REQUEST, *fields).asbytes()
        flags = bytes([int(touched), 0, 0, 0, 1])  # and the counter
        signature = self.key.sign(hashlib.sha256(self.APPLICATION).digest() + flags
                                  + hashlib.sha256(signed).digest())
        peer.say(MSG_USERAUTH_REQUEST, *fields, strings(self.ALGORITHM, signature) + flags)
        answers = (MSG_USERAUTH_SUCCESS, MSG_USERAUTH_FAILURE)
        return wait_until(lambda: next((kind for kind, _ in peer.heard if kind in answers), None),
                          "an answer to the login", ANSWER_S)


class WrongKey(paramiko.Ed25519Key):
    """Signs other bytes than those that it is asked to sign."""

    def sign_ssh_data(self, data, algorithm=None):
        return super().sign_ssh_data(b"other " + data)


class Liar:
    """A target that accepts every login and calls `lie(peer)` when the first channel is open. With
    `greet` it calls `greet(sock)` instead of speaking SSH."""

    def __init__(self, key_file):
        self.key = paramiko.Ed25519Key.from_private_key_file(key_file)
        self.wrong_key = WrongKey.from_private_key_file(key_file)
        self.port = free_port()
        self.lie = self.greet = None
        self.signs_wrong = False
        self.listener = socket.create_server((LOCAL, self.port))
        threading.Thread(target=self.serve, daemon=True).start()

    def becomes(self, lie=None, greet=None, signs_wrong=False):
        self.lie, self.greet, self.signs_wrong = lie, greet, signs_wrong

    def stop(self):
        self.listener.close()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(sock,), daemon=True).start()

    def talk(self, sock):
        if self.greet:
            return self.greet(sock)
        peer = Peer(sock)
        peer.taken = True
        peer.add_server_key(self.wrong_key if self.signs_wrong else self.key)
        try:
            peer.start_server(event=threading.Event())
            self.let_in(peer)
            self.lie(peer)
        except (AssertionError, OSError, EOFError, paramiko.SSHException):
            pass  # The gateway closed the connection.
        return None

    def let_in(self, peer):
        """Answers until the first channel request. peer.channel is the gateway's number of the
        channel."""
        for kind, got in peer.each_heard():
            if kind == MSG_CHANNEL_REQUEST:
                _, _, peer.wants_reply = got.get_int(), got.get_text(), got.get_boolean()
                return
            self.answer(peer, kind, got)

    @staticmethod
    def answer(peer, kind, got):
        """Lets a client do what comes before its first channel request."""
        if kind == MSG_SERVICE_REQUEST:
            peer.say(MSG_SERVICE_ACCEPT, got.get_text())
        elif kind == MSG_USERAUTH_REQUEST:
            _, _, method = got.get_text(), got.get_text(), got.get_text()
            signed = got.get_boolean() if method == "publickey" else True
            algorithm, blob = got.get_string(), got.get_string()
            peer.say(*((MSG_USERAUTH_SUCCESS,) if signed
                       else (MSG_USERAUTH_PK_OK, algorithm, blob)))
        elif kind == MSG_CHANNEL_OPEN:
            got.get_text()
            peer.channel = got.get_int()
            peer.say(MSG_CHANNEL_OPEN_SUCCESS, peer.channel, 0, WINDOW, PACKET)
