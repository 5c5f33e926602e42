"""What people move through the gateway arrives as it was sent: scp, sftp, git, rsync, bulk."""

import hashlib
import os
import shutil
import subprocess
import threading
import time
import unittest

from paramiko.common import (
    MSG_CHANNEL_CLOSE, MSG_CHANNEL_DATA, MSG_CHANNEL_EOF, MSG_CHANNEL_WINDOW_ADJUST)

import harness
from ssh_wire import Peer, connect

stack = None
BULK_MIB = harness.by_tier(quick=384, full=1024)
EARLY_PACKETS_MAX = 4096  # gateway/ssh/shim_rekey.cc
# More than the window by far, and less than the bulk by far.
RESIDENT_BYTES_MAX = 192 << 20


def setUpModule():
    global stack
    stack = harness.Stack()
    stack.add_target("rekeying", "RekeyLimit 1M")


def tearDownModule():
    stack.close_covered()


def make_file(name, size):
    path = f"{stack.folder}/{name}"
    with open(path, "wb") as file:
        file.write(os.urandom(size))
    return path


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Transfers(unittest.TestCase):
    def check(self, ran):
        self.assertEqual(ran.returncode, 0, ran.stderr)

    def ssh_of(self, *words):
        """Returns the command that git and rsync use as their ssh."""
        return " ".join(["ssh", "-F", stack.config(), "-J", "gw", *words])

    def test_scp_copies_both_ways_by_both_protocols(self):
        source = make_file("scp_source", 2_000_000)
        for protocol in ("-O", "-s"):
            with self.subTest(protocol=protocol):
                words = ["scp", protocol, "-q", "-F", stack.config(), "-J", "gw"]
                there = f"{stack.folder}/scp_there{protocol}"
                self.check(harness.run([*words, source, f"{harness.LOGIN}@web:{there}"]))
                self.assertTrue(content(there) == content(source))
                back = f"{stack.folder}/scp_back{protocol}"
                self.check(harness.run([*words, f"{harness.LOGIN}@web:{there}", back]))
                self.assertTrue(content(back) == content(source))

    def test_sftp_runs_a_batch(self):
        source = make_file("sftp_source", 1_000_000)
        folder = f"{stack.folder}/sftp"
        batch = (f"mkdir {folder}\nput {source} {folder}/a\nrename {folder}/a {folder}/b\n"
                 f"chmod 600 {folder}/b\nls -l {folder}\nget {folder}/b {folder}/c\n"
                 f"rm {folder}/b\n")
        ran = harness.run(["sftp", "-F", stack.config(), "-J", "gw", "-b", "-",
                           f"{harness.LOGIN}@web"], input=batch.encode())
        self.check(ran)
        self.assertEqual(os.listdir(folder), ["c"])
        self.assertTrue(content(f"{folder}/c") == content(source))

    def test_curl_of_debian_12_copies_both_ways(self):
        source = make_file("curl_source", 1_000_000)
        home = f"{stack.folder}/curl_home"
        os.makedirs(f"{home}/.ssh")
        shutil.copy(f"{stack.folder}/known_hosts", f"{home}/.ssh")
        words = ["curl", "-sS", "--user", f"{harness.LOGIN}@web:", "--key", f"{stack.folder}/alice",
                 "--pubkey", f"{stack.folder}/alice.pub"]
        url = f"sftp://127.0.0.1:{stack.port}{stack.folder}/curl_there"
        env = {**os.environ, "HOME": home}
        self.check(harness.run([*words, "-T", source, url], env=env))
        self.assertTrue(content(f"{stack.folder}/curl_there") == content(source))
        ran = harness.run([*words, url], env=env)
        self.check(ran)
        self.assertTrue(ran.stdout == content(source))
        stack.wait_all_closed()
        opened = stack.events(stack.newest_session(), "session_open")[0][2]
        self.assertIn("libssh2", opened["client_version"])
        self.assertEqual([opened["mac_in"], opened["mac_out"]], ["hmac-sha2-256"] * 2)

    def test_git_clones_and_pushes(self):
        folder = f"{stack.folder}/git"
        env = {**os.environ, "GIT_SSH_COMMAND": self.ssh_of(), "HOME": stack.folder}
        author = ["-c", "user.name=a", "-c", "user.email=a@b"]
        url = f"ssh://{harness.LOGIN}@web{folder}/repository"
        self.check(harness.run(["git", "init", "-q", "--bare", f"{folder}/repository"], env=env))
        self.check(harness.run(["git", "clone", "-q", url, f"{folder}/one"], env=env))
        with open(f"{folder}/one/file", "wb") as file:
            file.write(os.urandom(300_000))
        self.check(harness.run(["git", "-C", f"{folder}/one", "add", "file"], env=env))
        self.check(harness.run(["git", "-C", f"{folder}/one", *author, "commit", "-q", "-m", "x"],
                               env=env))
        self.check(harness.run(["git", "-C", f"{folder}/one", "push", "-q", "origin", "HEAD"],
                               env=env))
        self.check(harness.run(["git", "clone", "-q", url, f"{folder}/two"], env=env))
        self.assertTrue(content(f"{folder}/two/file") == content(f"{folder}/one/file"))

    def test_rsync_copies_both_ways(self):
        folder = f"{stack.folder}/rsync"
        os.makedirs(f"{folder}/from/deep")
        for name in ("a", "deep/b"):
            os.rename(make_file("rsync_file", 400_000), f"{folder}/from/{name}")
        words = ["rsync", "-a", "-e", self.ssh_of()]
        self.check(harness.run([*words, f"{folder}/from/", f"{harness.LOGIN}@web:{folder}/there"]))
        self.check(harness.run([*words, f"{harness.LOGIN}@web:{folder}/there/", f"{folder}/back"]))
        for name in ("a", "deep/b"):
            self.assertTrue(content(f"{folder}/back/{name}") == content(f"{folder}/from/{name}"))

    def test_new_keys_in_the_middle_lose_nothing(self):
        data = os.urandom(12 << 20)
        for words in (stack.jump("-o", "RekeyLimit=1M", target="rekeying"),
                      stack.direct("-o", "RekeyLimit=1M", target="rekeying")):
            with self.subTest(words=words):
                ran = harness.run([*words, "cat"], input=data)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                self.assertTrue(ran.stdout == data)

    def begin_key_exchange(self, command):
        """Starts a command, and new keys behind it; returns the client and its channel."""
        peer = Peer.client(connect(stack.port), f"{harness.LOGIN}@web", f"{stack.folder}/alice")
        self.addCleanup(peer.close)
        channel = peer.start_command(command)
        peer.say(MSG_CHANNEL_DATA, channel, "before,")
        peer.reads.clear()  # so that the key exchange does not go on
        peer._send_kex_init()
        return peer, channel

    def test_what_a_client_sends_in_its_own_key_exchange_arrives_in_order(self):
        peer, channel = self.begin_key_exchange("cat; echo end")
        for number in range(100):
            peer.say(MSG_CHANNEL_DATA, channel, f"{number},")
        peer.reads.set()
        harness.wait_until(peer.clear_to_send.is_set, "the keys are new")
        peer.say(MSG_CHANNEL_DATA, channel, "after,")
        peer.say(MSG_CHANNEL_EOF, channel)
        peer.wait_for(MSG_CHANNEL_CLOSE)
        heard = b""
        for got in peer.all_of(MSG_CHANNEL_DATA):
            got.rewind()
            got.get_int()
            heard += got.get_binary()
        numbers = "".join(f"{number}," for number in range(100))
        self.assertEqual(heard.decode(), f"before,{numbers}after,end\n")

    def test_a_client_that_never_ends_its_key_exchange_is_cut_off(self):
        peer, channel = self.begin_key_exchange("cat; echo never ends")
        for _ in range(EARLY_PACKETS_MAX + 1):
            peer.say(MSG_CHANNEL_WINDOW_ADJUST, channel, 1)
        peer.reads.set()
        self.assertTrue(peer.ended())
        session = stack.session_of("cat; echo never ends")
        self.assertIn("Packet filter: rejected packet (type 93)",
                      stack.events(session, "session_end")[0][2]["detail"])

    def test_bulk_passes_in_bounded_memory(self):
        most = {}
        done = threading.Event()

        def watch():
            pids = {name: stack.pid(name) for name in ("gatetape-gateway", "gatetape-recorder")}
            while not done.wait(0.1):
                for name, pid in pids.items():
                    most[name] = max(most.get(name, 0), harness.resident_bytes(pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        self.addCleanup(watcher.join)
        self.addCleanup(done.set)
        started = time.monotonic()
        command = f"openssl enc -aes-128-ctr -pass pass:x -nosalt -pbkdf2 -in /dev/zero 2>/dev/null"
        reader = subprocess.Popen([*stack.jump(), f"{command} | head -c {BULK_MIB << 20}"],
                                  stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        received = hashlib.sha256()
        size = 0
        while block := reader.stdout.read(1 << 20):
            received.update(block)
            size += len(block)
        self.assertEqual(reader.wait(harness.WAIT_S), 0)
        done.set()
        watcher.join()
        print(f"{size >> 20} MiB in {time.monotonic() - started:.1f} s; most resident: "
              + ", ".join(f"{name} {value >> 20} MiB" for name, value in most.items()))
        made = harness.run(["sh", "-c", f"{command} | head -c {BULK_MIB << 20} | sha256sum"]).stdout
        self.assertEqual(received.hexdigest(), made.decode().split()[0])
        for name, value in most.items():
            self.assertLess(value, RESIDENT_BYTES_MAX, name)


if __name__ == "__main__":
    unittest.main()
