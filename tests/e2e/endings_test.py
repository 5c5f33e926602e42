"""How a connection ends reaches both the client, who learns why, and the record, which says who
ended it."""

import contextlib
import os
import socket
import struct
import subprocess
import threading
import unittest

import harness

stack = None

VERSION = b"SSH-2.0-test\r\n"
KEXINIT = 20
ATTEMPTS = 20


def setUpModule():
    global stack
    stack = harness.Stack()


def tearDownModule():
    stack.close_covered()


def name_list(text):
    return struct.pack(">I", len(text)) + text


def packet(payload):
    """Returns a packet of RFC 4253 section 6 before the key exchange."""
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def key_exchange(algorithm):
    """Returns an SSH_MSG_KEXINIT that offers one algorithm of each kind."""
    names = [algorithm, b"ssh-ed25519", b"aes128-ctr", b"aes128-ctr",
             b"hmac-sha2-256-etm@openssh.com", b"hmac-sha2-256-etm@openssh.com", b"none", b"none",
             b"", b""]
    return packet(bytes([KEXINIT]) + os.urandom(16) + b"".join(map(name_list, names)) + bytes(5))


class Relay:
    """Passes one TCP connection on to a port, until it is reset."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.upstream = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        self.client, _ = self.listener.accept()
        for source, sink in ((self.client, self.upstream), (self.upstream, self.client)):
            threading.Thread(target=self.carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def carry(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    def reset(self):
        """Ends the connection to the port with a TCP RST."""
        self.upstream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.upstream.shutdown(socket.SHUT_RD)
        self.upstream.close()
        self.client.close()
        self.listener.close()


class Endings(unittest.TestCase):
    def end_of(self, session):
        stack.wait_closed(session)
        fields = stack.events(session, "session_end")[0][2]
        return fields["reason"], fields["detail"]

    def test_a_client_that_shares_no_algorithm_gets_our_offer(self):
        for _ in range(ATTEMPTS):
            with socket.create_connection(("127.0.0.1", stack.port), harness.WAIT_S) as peer:
                peer.sendall(VERSION + key_exchange(b"diffie-hellman-group1-sha1"))
                heard = b""
                while data := peer.recv(65536):
                    heard += data
            self.assertIn(b"curve25519-sha256", heard)

    def test_a_stock_client_says_what_does_not_match(self):
        for _ in range(ATTEMPTS):
            ran = harness.run([*stack.direct("-o", "KexAlgorithms=ecdh-sha2-nistp521"), "true"])
            self.assertIn(b"no matching key exchange method found", ran.stderr)

    def test_a_peer_that_breaks_the_protocol_is_told_how(self):
        with socket.create_connection(("127.0.0.1", stack.port), harness.WAIT_S) as peer:
            peer.sendall(VERSION + packet(bytes([94]) + bytes(16)))
            heard = b""
            while data := peer.recv(65536):
                heard += data
        self.assertIn(b"gatetape: Packet filter: rejected packet (type 94)", heard)

    def test_a_session_that_its_client_ended_says_so(self):
        for number, words in enumerate(stack.routes()):
            harness.run([*words, f"echo ending {number}"])
            self.assertEqual(self.end_of(stack.session_of(f"echo ending {number}")),
                             ("client", "the client disconnected"))

    def test_a_connection_that_broke_is_told_from_one_that_the_client_ended(self):
        for number, words in enumerate((stack.direct(), stack.jump())):
            relay = Relay(stack.port)
            words = [word.replace(f"{stack.port}", f"{relay.port}") for word in words]
            if number == 1:
                words[words.index("-J"):words.index("-J") + 2] = [
                    "-o", f"ProxyCommand=ssh -F {stack.config()} -o HostName=127.0.0.1 "
                          f"-o HostKeyAlias=[127.0.0.1]:{stack.port} -p {relay.port} -W %h:%p gw"]
            else:
                words[1:1] = ["-o", f"HostKeyAlias=[127.0.0.1]:{stack.port}"]
            with subprocess.Popen([*words, f"echo broken {number}; cat"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL) as process:
                self.assertEqual(process.stdout.readline(), f"broken {number}\n".encode())
                relay.reset()
                reason, detail = self.end_of(stack.session_of(f"echo broken {number}; cat"))
                process.kill()
            self.assertEqual(reason, "client_lost")
            self.assertRegex(detail, "^the connection to the client was lost: Socket error: ")

    def test_the_user_reads_how_the_targets_connection_ended_as_it_is_recorded(self):
        command = "kill -KILL $PPID; sleep 100"
        ran = harness.run([*stack.direct(), command])
        # The kernel sends a TCP RST when it closes a socket with unread bytes.
        told, recorded = (
            (b"web closed the connection", "^the target closed the connection$")
            if b"closed" in ran.stderr else
            (b"the connection to web was lost", "to the target was lost: Socket error: "))
        self.assertIn(told, ran.stderr)
        reason, detail = self.end_of(stack.session_of(command))
        self.assertEqual(reason, "target_lost")
        self.assertRegex(detail, recorded)


if __name__ == "__main__":
    unittest.main()
