"""Targets that lie, flood or are silent. What they do is recorded and ends at most their own
session, and no other user notices."""

import os
import socket
import subprocess
import time
import unittest

from paramiko.common import (
    MSG_CHANNEL_CLOSE, MSG_CHANNEL_DATA, MSG_CHANNEL_EOF, MSG_CHANNEL_OPEN, MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_SUCCESS, MSG_GLOBAL_REQUEST)

import access_file
import harness
from attack import Attack, AttackTest
from ssh_wire import Liar, Peer, connect

stack = None
liar = None
CONNECT_S = 3


def setUpModule():
    global stack, liar
    stack = harness.Stack({"gateway": f"connect_timeout_s = {CONNECT_S}"})
    harness.make_key(f"{stack.folder}/liar")
    liar = Liar(f"{stack.folder}/liar")
    stack.write_access("\n" + access_file.target(
        "liar", liar.port, harness.public_key(f"{stack.folder}/liar")))
    stack.reload()


def tearDownModule():
    liar.stop()
    stack.close_covered()


def answer(peer):
    """Answers the request that a liar has just received with success."""
    if peer.wants_reply:
        peer.say(MSG_CHANNEL_SUCCESS, peer.channel)


class HostileTarget(AttackTest):
    def session(self, command):
        """Runs a command on the lying target; returns its result and the id of the session."""
        ran = harness.run([*stack.direct(target="liar"), command], timeout=harness.WAIT_S)
        session = stack.newest_session()
        stack.wait_closed(session)
        return ran, session

    def end_of(self, session):
        fields = stack.events(session, "session_end")[0][2]
        return f"{fields['reason']}: {fields['detail']}"

    def test_a_target_that_cannot_prove_its_key_gets_no_login(self):
        lies = {
            "garbage": {"greet": lambda sock: (sock.sendall(os.urandom(100_000)), sock.close())},
            "banner and garbage": {
                "greet": lambda sock: (sock.sendall(b"SSH-2.0-x\r\n" + os.urandom(100_000)),
                                       sock.close())},
            "endless lines": {"greet": lambda sock: (sock.sendall(b"hello\r\n" * 100_000),
                                                     sock.close())},
            "hang-up": {"greet": lambda sock: sock.close()},
            "silence": {"greet": lambda sock: time.sleep(CONNECT_S + 3)},
            "wrong signature": {"signs_wrong": True},
        }
        for name, lie in lies.items():
            with self.subTest(lie=name), Attack(self, stack, f"target: {name}"):
                liar.becomes(**lie)
                ran, session = self.session("true")
                self.assertNotEqual(ran.returncode, 0)
                self.assertIn(b"gatetape: liar: ", ran.stderr)
                self.assertRegex(self.end_of(session), "^target: [a-z_]+: ")

    def test_channels_that_the_target_opens_are_refused_and_recorded(self):
        def lie(peer):
            for number in range(2000):
                kind = ("forwarded-tcpip", "x11", "auth-agent@openssh.com", "session")[number % 4]
                peer.say(MSG_CHANNEL_OPEN, kind, number, 1 << 20, 32768, "h", 1, "h", 1)
                if number == few:
                    break
            answer(peer)
            peer.say(MSG_CHANNEL_REQUEST, peer.channel, "exit-status", False, 0)
            peer.say(MSG_CHANNEL_CLOSE, peer.channel)
            peer.ended()

        for few in (20, None):
            with Attack(self, stack, f"target: {few or 2000} channels opened to us"):
                liar.becomes(lie)
                ran, session = self.session("true")
                denied = len(stack.events(session, "denied"))
                if few:
                    self.assertEqual((ran.returncode, denied), (0, few + 1), ran.stderr)
                else:
                    # Which limit is met first depends on how fast the denials become durable.
                    self.assertIn(self.end_of(session), (
                        "protocol: too many denied requests",
                        "protocol: too many refused requests wait"))
                    self.assertTrue(1000 < denied < 1600, denied)

    def test_a_flood_of_requests_from_the_target_is_bounded(self):
        def flood(what):
            def lie(peer):
                answer(peer)
                peer.reads.clear()
                deadline = time.monotonic() + 2
                while time.monotonic() < deadline and peer.say(*what(peer)):
                    pass
                peer.close()
            return lie

        for name, what in (
                ("keepalive", lambda _: (MSG_GLOBAL_REQUEST, "keepalive@openssh.com", True)),
                ("global", lambda _: (MSG_GLOBAL_REQUEST, "x" * 1000, True)),
                ("channel", lambda peer: (MSG_CHANNEL_REQUEST, peer.channel, "x", True)),
                ("no reply", lambda peer: (MSG_CHANNEL_REQUEST, peer.channel, "x", False,
                                           b"x" * 30_000))):
            with self.subTest(requests=name), Attack(self, stack, f"target: flood of {name}"):
                liar.becomes(flood(what))
                _, session = self.session("true")
                # Which end comes first depends on how fast the flood reaches a limit.
                self.assertRegex(self.end_of(session), "^(target_lost|protocol): ")

    def test_more_data_than_the_window_ends_the_session(self):
        def lie(peer):
            answer(peer)
            while peer.say(MSG_CHANNEL_DATA, peer.channel, bytes(32_000)):
                pass

        with Attack(self, stack, "target: data beyond the window"):
            liar.becomes(lie)
            process = subprocess.Popen([*stack.direct(target="liar"), "true"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)  # Nobody reads its output.
            session = harness.wait_until(
                lambda: [row[0] for row in stack.sql(
                    "select session_id from gatetape.session_end where detail = "
                    "'more data than the window allows'")], "the session is ended", 20)
            process.kill()
            process.wait()
            process.stdout.close()
            self.assertEqual(len(session), 1)

    def test_a_target_that_hangs_up_in_the_middle_ends_its_session_after_its_bytes(self):
        def lie(peer):
            answer(peer)
            peer.say(MSG_CHANNEL_DATA, peer.channel, b"half of it")
            peer.close()

        with Attack(self, stack, "target: hang-up in the middle"):
            liar.becomes(lie)
            for _ in range(20):  # The end may or may not meet the gateway in a write.
                ran, session = self.session("true")
                self.assertEqual((ran.returncode, ran.stdout), (255, b"half of it"))
                self.assertRegex(ran.stderr, b"gatetape: (liar closed the connection|"
                                             b"the connection to liar was lost)")
                self.assertRegex(self.end_of(session),
                                 "^target_lost: (the target closed the connection$|"
                                 "the connection to the target was lost: Socket error: )")

    def test_an_answer_and_the_end_that_come_in_one_read_keep_their_order(self):
        """A fast command and a path that delivers in lumps are no attack, but need this target."""
        steps = (MSG_CHANNEL_SUCCESS, MSG_CHANNEL_DATA, MSG_CHANNEL_EOF, MSG_CHANNEL_REQUEST,
                 MSG_CHANNEL_CLOSE)

        def lie(peer):
            peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            answer(peer)
            peer.say(MSG_CHANNEL_DATA, peer.channel, b"all")
            peer.say(MSG_CHANNEL_EOF, peer.channel)
            peer.say(MSG_CHANNEL_REQUEST, peer.channel, "exit-status", False, 0)
            peer.say(MSG_CHANNEL_CLOSE, peer.channel)
            peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            peer.ended()

        liar.becomes(lie)
        for _ in range(20):
            with connect(stack.port) as sock:
                user = Peer.client(sock, f"{harness.LOGIN}@liar", f"{stack.folder}/alice")
                user.say(MSG_CHANNEL_REQUEST, user.open(), "exec", True, "lumps")
                user.wait_for(MSG_CHANNEL_CLOSE)
                heard = tuple(kind for kind, _ in user.heard if kind in steps)
                user.close()
            self.assertEqual(heard, steps)

    def test_output_that_is_lost_with_its_target_is_no_success(self):
        """Nobody reads, so the gateway holds what the target sent before it closed."""
        sent = []

        def lie(peer):
            answer(peer)
            sent.append(peer.fill_window(MSG_CHANNEL_DATA, peer.channel))
            peer.say(MSG_CHANNEL_REQUEST, peer.channel, "exit-status", False, 0)
            peer.say(MSG_CHANNEL_EOF, peer.channel)
            peer.say(MSG_CHANNEL_CLOSE, peer.channel)
            peer.close()

        with Attack(self, stack, "target: hang-up before a slow reader"):
            liar.becomes(lie)
            with subprocess.Popen([*stack.direct(target="liar"), "true"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                harness.wait_until(lambda: sent, "the target went", 30)
                used_s = harness.processor_s(stack.pid("gatetape-gateway"))
                time.sleep(2)
                used_s = harness.processor_s(stack.pid("gatetape-gateway")) - used_s
                self.assertLess(used_s, 1, "it spins on the dead connection")
                shown, errors = process.communicate()
            self.assertLess(len(shown), sent[0])
            self.assertEqual(process.returncode, 255)
            self.assertRegex(errors, rb"closed the connection, \d+ bytes of its output are lost")

    def test_endings_in_any_order_are_told_as_they_came(self):
        data, eof = (MSG_CHANNEL_DATA, b"x"), (MSG_CHANNEL_EOF,)
        close, status = (MSG_CHANNEL_CLOSE,), (MSG_CHANNEL_REQUEST, "exit-status", False, 3)
        asks = (MSG_CHANNEL_REQUEST, "x", True)
        with Attack(self, stack, "target: endings in odd orders"):
            for steps in ((status, status, close), (eof, data, status, close), (close, data, close),
                          (close, status, eof, asks), (eof, eof, status, close),
                          (asks, close, asks), (status, close, close, data, asks)):
                def lie(peer, steps=steps):
                    answer(peer)
                    for kind, *fields in steps:
                        peer.say(kind, peer.channel, *fields)
                    peer.ended()

                with self.subTest(steps=steps):
                    liar.becomes(lie)
                    _, session = self.session("true")
                    recorded = [name for name, _, _ in stack.events(session)]
                    self.assertIn("exec", recorded)

    def test_requests_wait_only_so_long_for_a_key_exchange_that_never_ends(self):
        def lie(peer):
            answer(peer)
            peer.reads.clear()
            peer._send_kex_init()  # pylint: disable=protected-access
            time.sleep(8)

        with Attack(self, stack, "target: key exchange without end"):
            liar.becomes(lie)
            user = Peer.client(connect(stack.port), f"{harness.LOGIN}@liar",
                               f"{stack.folder}/alice")
            channel = user.start_command("true")
            session = stack.newest_session()
            time.sleep(0.5)
            deadline = time.monotonic() + 6
            while time.monotonic() < deadline and user.say(
                    MSG_CHANNEL_REQUEST, channel, "window-change", False, b"x" * 4000):
                time.sleep(0.004)  # so that the recorder keeps up
            user.close()
            stack.wait_closed(session)
            self.assertEqual(self.end_of(session),
                             "protocol: more requests than the other side takes")

    def test_a_target_that_never_answers_a_request_holds_only_its_own_session(self):
        with Attack(self, stack, "target: silence to a request"):
            liar.becomes(lambda peer: peer.ended(30))
            with subprocess.Popen([*stack.direct(target="liar"), "true"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                time.sleep(2)
                self.assertIsNone(process.poll())
                process.terminate()
            session = stack.newest_session()
            stack.wait_closed(session)
            self.assertTrue(self.end_of(session).startswith("client: "), self.end_of(session))


if __name__ == "__main__":
    unittest.main()
