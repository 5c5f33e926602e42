"""Many short connections of every kind through one stack leave no descriptor and no thread behind,
and, once the first connections have warmed it up, no memory."""

import concurrent.futures
import os
import unittest

import paramiko
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_OPEN, MSG_CHANNEL_OPEN_FAILURE

import harness
import runners
import ssh_wire
from attack import SANITIZER_TAKES

AT_ONCE = 8
# Connections. Of ten, 6 are sessions of two channels by a program.
WINDOW = harness.by_tier(quick=100, full=200)
# Windows: to warm up, after a restart of the recorder, and last.
WARM_UP, RESTARTS, WINDOWS = 2, 2, 3
DAEMONS = ("gatetape-gateway", "gatetape-recorder", "gatetape-auditd")
LEAK_BYTES_MAX = 3072 * SANITIZER_TAKES  # Per connection.
HELD_MORE_MAX = 2  # gRPC's thread pool grows and shrinks.
KIB_EACH = 16


def anonymous_bytes(pid):
    """Returns the memory that belongs to no file. The pages of the program itself come and go."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("RssAnon"))


class Growth(unittest.TestCase):
    def setUp(self):
        self.stack = harness.Stack({"gateway": "max_startups_per_source = 100"},
                                   runners.Separate())
        self.addCleanup(self.stack.close)

    # One connection each; returns whether it went as it should.

    def stock(self, words):
        ran = harness.run([*words, f"head -c {KIB_EACH << 10} /dev/zero"])
        return (len(ran.stdout), ran.returncode) == (KIB_EACH << 10, 0)

    def program(self):
        """Runs a session with two commands, without the time that ssh needs to start."""
        with ssh_wire.connect(self.stack.port) as sock:
            peer = ssh_wire.Peer.client(sock, f"{harness.LOGIN}@web", f"{self.stack.folder}/alice")
            for number in range(2):
                peer.start_command("echo said", number)
                peer.wait_for(MSG_CHANNEL_DATA, number + 1)
            peer.close()
            return True

    def refused_channels(self):
        with ssh_wire.connect(self.stack.port) as sock:
            peer = ssh_wire.Peer.client(sock, "alice", f"{self.stack.folder}/alice")
            for number in range(3):
                peer.say(MSG_CHANNEL_OPEN, "direct-tcpip", number, 1 << 20, 32768, "nowhere", 22,
                         "x", 1)
            peer.wait_for(MSG_CHANNEL_OPEN_FAILURE, 3)
            peer.close()
            return True

    def failed_login(self):
        with ssh_wire.connect(self.stack.port) as sock:
            peer = ssh_wire.Peer(sock)
            peer.start_client(timeout=harness.WAIT_S)
            try:
                peer.auth_publickey("alice", paramiko.Ed25519Key.from_private_key_file(
                    f"{self.stack.folder}/stranger"))
            except paramiko.AuthenticationException:
                return True
            finally:
                peer.close()
        return False

    def one(self, number):
        kinds = {0: self.failed_login, 1: self.refused_channels,
                 2: lambda: self.stock(self.stack.jump()),
                 3: lambda: self.stock(self.stack.direct())}
        return kinds.get(number % 10, self.program)()

    # Many of them.

    def run_window(self):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            self.assertTrue(all(pool.map(self.one, range(WINDOW))))
        self.stack.reload()
        self.stack.wait_all_closed()
        self.assertEqual(self.stack.tampered(), [])  # This makes auditd work too.

    def held(self, daemon):
        """Returns (descriptors, threads) that a daemon holds."""
        pid = self.stack.pid(daemon)
        return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))

    def look(self):
        """Returns {daemon: (memory, (descriptors, threads))}."""
        return {daemon: (anonymous_bytes(self.stack.pid(daemon)), self.held(daemon))
                for daemon in DAEMONS}

    def judge(self, looks, memory_of=DAEMONS):
        """Checks that nothing was left behind between the first and the last of some looks. A leak
        grows in every window, and what a daemon allocates once in only one of them."""
        for daemon in DAEMONS:
            held = looks[0][daemon][1]
            memory = [look[daemon][0] for look in looks]
            each = min(after - before for before, after in zip(memory, memory[1:])) / WINDOW
            print(f"{daemon}: at least {each:.0f} bytes more for each connection of a window; "
                  f"(descriptors, threads) were {held} and are {self.held(daemon)}", flush=True)
            if daemon in memory_of:
                self.assertLess(each, LEAK_BYTES_MAX, daemon)
            # The last connection may close shortly after its session.
            harness.wait_until(
                lambda daemon=daemon, held=held: all(
                    now <= then + HELD_MORE_MAX for now, then in zip(self.held(daemon), held)),
                f"{daemon} holds no more than before")

    def test_connections_leave_nothing_behind(self):
        for _ in range(WARM_UP):
            self.run_window()
        looks = [self.look()]
        for _ in range(RESTARTS):
            self.stack.restart("gatetape-recorder")
            harness.wait_until(self.stack.works, "sessions work again")
            self.run_window()
        for _ in range(WINDOWS):
            self.run_window()
            looks.append(self.look())
            print("KiB:", {daemon: look[0] >> 10 for daemon, look in looks[-1].items()}, flush=True)
        self.judge(looks, ["gatetape-gateway"])
        self.judge(looks[1:])  # By then the restarted recorder has warmed up too.


if __name__ == "__main__":
    unittest.main()
