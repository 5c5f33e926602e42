"""Clients that break the protocol or ask without end. Each is ended or bounded, and recorded; the
gateway stays small, and no other user notices."""

import contextlib
import os
import random
import subprocess
import time
import unittest

from paramiko.common import (
    MSG_CHANNEL_CLOSE, MSG_CHANNEL_DATA, MSG_CHANNEL_EOF, MSG_CHANNEL_OPEN,
    MSG_CHANNEL_OPEN_FAILURE, MSG_CHANNEL_REQUEST, MSG_CHANNEL_WINDOW_ADJUST, MSG_GLOBAL_REQUEST,
    MSG_USERAUTH_FAILURE, MSG_USERAUTH_REQUEST, MSG_USERAUTH_SUCCESS)

import harness
from attack import Attack, AttackTest
from ssh_wire import Peer, SecurityKey, connect

stack = None
GRACE_S = 3
# Limits count per source address, and other clients come from 127.0.0.1.
ELSEWHERE = "127.0.0.2"


def setUpModule():
    global stack
    stack = harness.Stack({"gateway": f"login_grace_time_s = {GRACE_S}"})


def tearDownModule():
    stack.close_covered()


def client(user=None):
    return Peer.client(connect(stack.port, ELSEWHERE), user, f"{stack.folder}/alice")


def in_session():
    """Returns a client in a session of its own, and the id of the session."""
    before = stack.newest_session() if stack.sql("select 1 from gatetape.session "
                                                 "where kind = 'session'") else ""
    peer = client(f"{harness.LOGIN}@web")
    return peer, harness.wait_until(
        lambda: (now := stack.newest_session()) != before and now, "the session is stored")


def refusals(reason):
    """Returns how many ended connections were recorded with a reason."""
    return sum(int(fields["count"]) for _, _, fields in stack.system_events("connection_refused")
               if fields["reason"] == reason)


class Hostile(AttackTest):
    def attack(self, name, grows_mib=64):
        return Attack(self, stack, name, grows_mib)

    def ends_recorded(self, peer, session, detail):
        """Checks that the peer was ended and that the record of its session says why."""
        self.assertTrue(peer.ended(), "the gateway bore it")
        harness.wait_until(lambda: stack.events(session, "session_end"), "session_end is stored")
        fields = stack.events(session, "session_end")[0][2]
        self.assertIn(detail, f"{fields['reason']}: {fields['detail']}")

    def ends_refused(self, peer, reason, before):
        self.assertTrue(peer.ended(), "the gateway bore it")
        harness.wait_until(lambda: refusals(reason) > before, f"{reason} is recorded")

    # Before login.

    def test_garbage_for_a_handshake_disturbs_nobody(self):
        before = refusals("handshake")
        with self.attack("garbage around the banner"):
            for greeting in (b"GET / HTTP/1.0\r\n\r\n" * 100, os.urandom(100_000),
                             b"SSH-2.0-x\r\n" + os.urandom(100_000), b"SSH-2.0-" + b"x" * 100_000,
                             b"SSH-2.0-x\r\n\xff\xff\xff\xff" + bytes(1000),
                             b"SSH-1.0-x\r\n", bytes(100_000)):
                for _ in range(3):
                    with connect(stack.port, ELSEWHERE) as sock:
                        sock.settimeout(harness.WAIT_S)
                        try:
                            sock.sendall(greeting)
                            while sock.recv(65536):
                                pass
                        except ConnectionError:
                            pass  # The gateway refused the connection, as it should.
        harness.wait_until(lambda: refusals("handshake") > before, "they are recorded")

    def test_slow_clients_are_ended_at_the_grace_time(self):
        before = refusals("login_grace_time")
        with self.attack("slow-loris before, in and after the key exchange"):
            started = time.monotonic()
            socks = {kind: connect(stack.port, ELSEWHERE)
                     for kind in ("half-open", "banner", "key exchange")}
            socks["key exchange"].sendall(b"SSH-2.0-slow\r\n")
            logging_in = client()
            silent = client()
            drip = {"banner": b"SSH-2.0-" + b"s" * 100, "key exchange": bytes(2) + b"\x03" * 100}
            ended = set()
            while len(ended) < 3 and time.monotonic() - started < GRACE_S + 5:
                for kind, sock in socks.items():
                    try:
                        sock.setblocking(False)
                        if sock.send(drip.get(kind, b"")[:1]) or True:
                            drip[kind] = drip.get(kind, b"")[1:]
                        while sock.recv(65536):
                            pass
                        ended.add(kind)
                    except BlockingIOError:
                        continue
                    except ConnectionError:
                        ended.add(kind)
                logging_in.raw(b"\0")
                time.sleep(0.5)
            self.assertEqual(ended, set(socks))
            self.assertTrue(logging_in.ended(5) and silent.ended(5))
            for sock in socks.values():
                sock.close()
        harness.wait_until(lambda: refusals("login_grace_time") > before, "they are recorded")

    def test_a_thousand_connections_at_once_leave_room_for_others(self):
        before = refusals("max_startups_per_source")
        with self.attack("1,000 connections"):
            started = time.monotonic()
            socks = [connect(stack.port, ELSEWHERE) for _ in range(1000)]
            took_s = time.monotonic() - started
            self.assertEqual(harness.run([*stack.jump(), "echo other"]).stdout, b"other\n")
            for sock in socks:
                sock.close()
        print(f"1,000 connections took {took_s:.2f} s")
        harness.wait_until(lambda: refusals("max_startups_per_source") > before, "recorded")

    def test_silent_connections_of_many_addresses_lock_nobody_out(self):
        before = refusals("max_startups")
        with self.attack("silent connections"):
            socks = [connect(stack.port, f"127.0.3.{number % 8 + 1}") for number in range(160)]
            # An address from which somebody is logged in is not dropped.
            for _ in range(5):
                self.assertEqual(harness.run([*stack.jump(), "echo in"]).stdout, b"in\n")
            harness.wait_until(lambda: refusals("max_startups") > before, "they are recorded")
            started = time.monotonic()
            for sock in socks:
                sock.settimeout(GRACE_S + 5)
                with contextlib.suppress(ConnectionError):
                    while sock.recv(65536):
                        pass
                sock.close()
            self.assertLess(time.monotonic() - started, GRACE_S + 5)

    def test_a_client_that_asks_for_the_methods_without_end_is_ended(self):
        before = refusals("too many login messages")
        with self.attack("login questions"):
            peer = client()
            peer.say(5, "ssh-userauth")
            for _ in range(5000):
                if not peer.say(MSG_USERAUTH_REQUEST, "alice", "ssh-connection", "none"):
                    break
            self.ends_refused(peer, "too many login messages", before)

    def test_bad_lengths_and_macs_after_the_key_exchange_end_that_peer(self):
        with self.attack("bad lengths and MACs"):
            for junk in (b"\xff\xff\xff\xff" + bytes(64), b"\0\0\0\x40" + os.urandom(4000),
                         b"\0\0\0\0" + bytes(64), b"\0\x04\0\0" + os.urandom(300_000)):
                with self.subTest(junk=junk[:8]):
                    peer, session = in_session()
                    peer.raw(junk)
                    self.ends_recorded(peer, session, "client")

    def test_each_refused_connection_is_counted_for_its_address(self):
        def counted(address):
            return sum(int(fields["count"]) for _, _, fields
                       in stack.system_events("connection_refused")
                       if fields["source"].rpartition(":")[0] == address)

        many = {"127.0.0.5": 90, "127.0.0.6": 60}
        socks = [connect(stack.port, address) for address, count in many.items()
                 for _ in range(count)]
        for sock in socks:
            sock.close()
        harness.wait_until(lambda: {address: counted(address) for address in many} == many,
                           "each is counted")

    def test_a_security_key_that_nobody_touched_does_not_let_in(self):
        key = SecurityKey()
        stack.write_access(f'\n[[user]]\nname = "dave"\nkeys = ["{key.line()}"]\nroles = []\n')
        stack.reload()
        for touched, answer in ((False, MSG_USERAUTH_FAILURE), (True, MSG_USERAUTH_SUCCESS)):
            peer = client()
            self.assertEqual(key.log_in(peer, "dave", touched), answer)
            peer.close()
        found = [fields for _, _, fields in stack.system_events("auth_attempt")
                 if fields["user"] == "dave"]
        self.assertEqual([fields["result"] for fields in found], ["refused", "accepted"])
        self.assertEqual(found[0]["reason"], "the security key was not touched")

    # On the outer connection of ssh -J.

    def test_a_long_name_of_a_target_is_refused(self):
        with self.attack("a target's name of 250,000 bytes"):
            peer = client("alice")
            for name in (b"x" * 250_000, b"\x01" * 200_000, b"web\0" + b"x" * 1000):
                peer.say(MSG_CHANNEL_OPEN, "direct-tcpip", 0, 1 << 20, 32768, name, 22, "x", 1)
            peer.wait_for(MSG_CHANNEL_OPEN_FAILURE, 2)
            peer.close()

    def test_a_client_whose_channels_are_all_refused_is_ended(self):
        before = refusals("too many refused channels")
        with self.attack("10,000 channels to no target"):
            peer = client("alice")
            for number in range(10_000):
                if not peer.say(MSG_CHANNEL_OPEN, "direct-tcpip", number, 1 << 20, 32768,
                                "nowhere", 22, "x", 1):
                    break
            self.ends_refused(peer, "too many refused channels", before)
        denied = [text for _, text, fields in stack.system_events("access_denied")
                  if "nowhere" in fields["target"]]
        self.assertLessEqual(len(denied), 110)

    def test_channels_that_the_client_never_closes_still_count(self):
        before = refusals("too many refused channels")
        with self.attack("inner connections that are never closed"):
            peer = client("alice")
            for number in range(400):
                if not peer.say(MSG_CHANNEL_OPEN, "direct-tcpip", number, 1 << 20, 32768, "web",
                                stack.target.port, "x", 1):
                    break
                peer.say(MSG_CHANNEL_DATA, number, b"no SSH\r\n" * 40)
            self.ends_refused(peer, "too many refused channels", before)

    def test_who_asks_globally_and_never_reads_is_ended(self):
        reason = "it asks and does not read the answers"
        before = refusals(reason)
        with self.attack("global requests, answers unread"):
            peer = client("alice")
            peer.reads.clear()
            for _ in range(300_000):
                if not peer.say(MSG_GLOBAL_REQUEST, "keepalive@openssh.com", True):
                    break
            self.ends_refused(peer, reason, before)

    # In a session.

    def test_ten_thousand_channels_on_a_connection_end_it(self):
        with self.attack("10,000 channel opens"):
            peer, session = in_session()
            peer.reads.clear()
            for number in range(10_000):
                if not peer.say(MSG_CHANNEL_OPEN, "session", number, 1 << 20, 32768):
                    break
            self.ends_recorded(peer, session, "protocol: ")

    def test_requests_without_reading_the_answers_end_the_session(self):
        for name, data, wants_reply in (("env", ("A", "x" * 1000), True),
                                        ("nonsense@example.com", ("y" * 1000,), True),
                                        ("window-change", (80, 24, 0, 0), False),
                                        ("nonsense@example.com", ("y" * 60_000,), False)):
            with self.subTest(request=name, wants_reply=wants_reply), \
                    self.attack(f"requests {name} {wants_reply}"):
                peer, session = in_session()
                channel = peer.start_command("sleep 100")
                peer.reads.clear()
                sent = 0
                deadline = time.monotonic() + 2
                while time.monotonic() < deadline and peer.say(
                        MSG_CHANNEL_REQUEST, channel, name, wants_reply, *data):
                    sent += 1
                print(f"sent {sent} requests {name}, {'ended' if not peer.alive() else 'alive'}")
                if wants_reply:
                    self.ends_recorded(peer, session, "protocol: ")
                else:  # All of them pass, because the target accepts them.
                    peer.close()
                    self.ends_recorded(peer, session, "")

    def test_a_window_that_never_opens_holds_the_target_back(self):
        with self.attack("a flood into a closed window"):
            peer, session = in_session()
            peer.start_command("cat /dev/zero", window=64 << 10)
            time.sleep(2)
            got = sum(len(data.asbytes()) for data in peer.all_of(MSG_CHANNEL_DATA))
            self.assertLess(got, 70_000)
            peer.close()
            self.ends_recorded(peer, session, "client")

    def test_a_window_beyond_32_bits_harms_only_its_own_session(self):
        with self.attack("a window beyond 2^32"):
            peer, session = in_session()
            channel = peer.start_command("cat /dev/zero", window=0xffffffff)
            peer.reads.clear()
            for _ in range(1000):
                peer.say(MSG_CHANNEL_WINDOW_ADJUST, channel, 0xffffffff)
            time.sleep(2)
            peer.close()
            self.ends_recorded(peer, session, "")

    def test_more_data_than_the_window_ends_the_session(self):
        with self.attack("data beyond the window"):
            peer, session = in_session()
            channel = peer.start_command("sleep 100")  # This command reads nothing.
            for _ in range(4096):
                if not peer.say(MSG_CHANNEL_DATA, channel, bytes(32_000)):
                    break
            self.ends_recorded(peer, session, "protocol: more data than the window allows")

    def test_a_storm_of_key_exchanges_harms_nobody(self):
        with self.attack("rekey storm"):
            peer, session = in_session()
            channel = peer.start_command("cat")
            count = 0
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline and peer.alive():
                peer.renegotiate_keys()
                count += 1
            print(f"{count} key exchanges in 2 s")
            self.assertGreater(count, 10)
            peer.say(MSG_CHANNEL_DATA, channel, b"after them\n")
            self.assertTrue(peer.wait_for(MSG_CHANNEL_DATA).asbytes().endswith(b"after them\n"))
            peer.close()
            self.ends_recorded(peer, session, "client")

    def test_eof_close_and_data_in_any_order_harm_nobody(self):
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        with self.attack(f"EOF, CLOSE, data in any order (seed {seed})"):
            peer, session = in_session()
            for number in range(60):
                channel = peer.open("session", number)
                for _ in range(rng.randrange(1, 12)):
                    peer.say(*rng.choice((
                        (MSG_CHANNEL_REQUEST, channel, "exec", True, "cat"),
                        (MSG_CHANNEL_REQUEST, channel, "exec", False, "true"),
                        (MSG_CHANNEL_DATA, channel, b"data"), (MSG_CHANNEL_EOF, channel),
                        (MSG_CHANNEL_CLOSE, channel), (MSG_CHANNEL_WINDOW_ADJUST, channel, 1),
                        (MSG_CHANNEL_DATA, channel + 1, b"nobody's"))))
                    if rng.randrange(3) == 0:
                        time.sleep(0.005)
                peer.say(MSG_CHANNEL_CLOSE, channel)
                self.assertTrue(peer.alive())
            peer.close()
            self.ends_recorded(peer, session, "client")

    # A client that reads slowly breaks no rule, and is bounded as well.

    def test_a_slow_reader_makes_the_target_wait(self):
        with self.attack("a slow reader", grows_mib=16), \
                subprocess.Popen([*stack.direct(), "head -c 300000000 /dev/zero"],
                                 stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 4
            while time.monotonic() < deadline:
                process.stdout.read(65536)
                time.sleep(0.002)
            process.kill()


if __name__ == "__main__":
    unittest.main()
