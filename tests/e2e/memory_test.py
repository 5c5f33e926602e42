"""The memory of the gateway is bounded: many channels whose other end does not read stay within
memory_max, another user notices nothing, and memory returns when they have closed."""

import time
import unittest

from paramiko.common import (
    MSG_CHANNEL_OPEN, MSG_CHANNEL_OPEN_FAILURE, MSG_CHANNEL_OPEN_SUCCESS, MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_SUCCESS)

import harness
from ssh_wire import PACKET, Peer, connect

MIB = 1 << 20
MEMORY_MAX = 160 * MIB  # 95 % of it is far above what a busy machine adds to the 80 %
MEMORY_LEAST = 64 * MIB  # the smallest memory_max
SESSIONS, CHANNELS = 3, 60
SHORTAGE = 4  # SSH_OPEN_RESOURCE_SHORTAGE, RFC 4254 section 5.1
RETURNS_S = 60

stack = None


def setUpModule():
    global stack
    stack = harness.Stack({"gateway": f"memory_max = {MEMORY_MAX}"})


def tearDownModule():
    stack.close_covered()


class Memory(unittest.TestCase):
    def setUp(self):
        self.pid = stack.pid("gatetape-gateway")

    def rss_mib(self):
        return harness.resident_bytes(self.pid) / MIB

    def fill(self):
        """Opens all channels, whose output nobody reads, or those before the first that is denied;
        returns their sessions."""
        peers = []
        for session in range(SESSIONS):
            peer = Peer.client(connect(stack.port, f"127.0.0.{session + 2}"),
                               f"{harness.LOGIN}@web", f"{stack.folder}/alice")
            peers.append(peer)
            for number in range(CHANNELS):
                if not self.start_output(peer, number):
                    return peers
        return peers

    @staticmethod
    def start_output(peer, number):
        """Opens a channel with endless output; returns false when it is denied."""
        peer.say(MSG_CHANNEL_OPEN, "session", number, 1024, PACKET)
        harness.wait_until(lambda: len(peer.all_of(MSG_CHANNEL_OPEN_SUCCESS)) > number
                           or peer.all_of(MSG_CHANNEL_OPEN_FAILURE), "an answer")
        if peer.all_of(MSG_CHANNEL_OPEN_FAILURE):
            return False
        answer = peer.wait_for(MSG_CHANNEL_OPEN_SUCCESS, number + 1)
        answer.get_int()
        peer.say(MSG_CHANNEL_REQUEST, answer.get_int(), "exec", True, "cat /dev/zero")
        peer.wait_for(MSG_CHANNEL_SUCCESS, number + 1)
        return True

    def test_channels_whose_user_does_not_read_stay_within_the_budget(self):
        self.assertEqual(harness.run([*stack.jump(), "echo warm"]).stdout, b"warm\n")
        before = self.rss_mib()
        peers = self.fill()
        most, full = self.rss_mib(), False
        while not full:  # Nothing is read, so that it stays as it is soon.
            time.sleep(1)
            full = self.rss_mib() <= most + 1
            most = max(most, self.rss_mib())
        started = time.monotonic()
        ran = harness.run([*stack.jump(user="bob"), "echo other"])
        self.assertEqual(ran.stdout, b"other\n", f"{ran.stderr} at {most:.0f} MiB")
        echo_s = time.monotonic() - started
        self.assertTrue(all(peer.alive() for peer in peers), "a session was ended")
        for peer in peers:
            peer.close()
        started = time.monotonic()
        try:
            harness.wait_until(lambda: self.rss_mib() <= 1.3 * before, "memory returns", RETURNS_S)
        finally:
            print(f"{SESSIONS * CHANNELS} channels: gateway RSS {before:.0f} MiB before, "
                  f"{most:.0f} filled, echo of another user {echo_s:.2f} s, "
                  f"{self.rss_mib():.0f} MiB "
                  f"{time.monotonic() - started:.1f} s after", flush=True)
        self.assertLess(most, MEMORY_MAX / MIB)

    def test_when_memory_is_used_up_new_channels_are_denied_and_no_session_ends(self):
        stack.replace_in_config(f"memory_max = {MEMORY_MAX}", f"memory_max = {MEMORY_LEAST}")
        stack.restart("gatetape-gateway")
        self.pid = stack.pid("gatetape-gateway")
        peers = self.fill()
        refusal = peers[-1].wait_for(MSG_CHANNEL_OPEN_FAILURE)
        refusal.get_int()
        self.assertEqual(refusal.get_int(), SHORTAGE)
        self.assertTrue(all(peer.alive() for peer in peers), "a session was ended")
        denied = stack.events(stack.newest_session(), "denied")
        self.assertIn("no memory left for another channel", denied[0][2]["reason"])
        ran = harness.run([*stack.jump(user="bob"), "echo other"])
        self.assertIn(b"no memory left for another channel", ran.stderr)
        for peer in peers:
            peer.close()
        harness.wait_until(stack.works, "channels are opened again", RETURNS_S)


if __name__ == "__main__":
    unittest.main()
