"""Nothing is seen before it is durable: for each frame of a fixed conversation, PostgreSQL is held
at the INSERT of that frame and the recorder is stopped, and what the target and the user have seen
by then is compared with what is stored."""

import contextlib
import os
import signal
import subprocess
import threading
import time
import unittest

import paramiko
from paramiko.common import (
    MSG_CHANNEL_CLOSE, MSG_CHANNEL_DATA, MSG_CHANNEL_EOF, MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_FAILURE, MSG_CHANNEL_OPEN, MSG_CHANNEL_OPEN_FAILURE, MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_SUCCESS, MSG_GLOBAL_REQUEST, MSG_REQUEST_FAILURE, MSG_USERAUTH_BANNER,
    MSG_USERAUTH_REQUEST)

import access_file
import effects
import harness
from ssh_wire import PACKET, WINDOW, Liar, Peer, connect

USER = "dave"
LOCK = 7  # the advisory lock at which PostgreSQL is held
# Time that a gateway that does not wait gets to show it, in seconds.
SETTLE_S = 0.15
BANNER = "Authorised use only.\n"
TO_STDOUT, TO_STDERR = b"to stdout", b"to stderr"

stack = target = hold = None


class HonestTarget(Liar):
    """A target that does what it is asked, and keeps what it has seen."""

    def __init__(self, key_file):
        self.forget()
        super().__init__(key_file)
        self.becomes(lambda peer: None)

    def forget(self):
        self.peer, self.connects, self.banner_sent = None, 0, False

    def talk(self, sock):
        self.connects += 1
        return super().talk(sock)

    def let_in(self, peer):
        self.peer = peer
        for kind, got in peer.each_heard():
            if kind == MSG_USERAUTH_REQUEST and not self.banner_sent:
                self.banner_sent = peer.say(MSG_USERAUTH_BANNER, BANNER, "")
            self.answer(peer, kind, got)

    def answer(self, peer, kind, got):
        super().answer(peer, kind, got)
        if kind == MSG_CHANNEL_REQUEST:
            got.get_int(), got.get_text()
            if got.get_boolean():
                peer.say(MSG_CHANNEL_SUCCESS, peer.channel)
        elif kind == MSG_CHANNEL_DATA:
            peer.say(MSG_CHANNEL_DATA, peer.channel, TO_STDOUT)
            peer.say(MSG_CHANNEL_EXTENDED_DATA, peer.channel, 1, TO_STDERR)
        elif kind == MSG_CHANNEL_EOF:
            peer.say(MSG_CHANNEL_REQUEST, peer.channel, "exit-status", False, 0)
            peer.say(MSG_CHANNEL_EOF, peer.channel)
            peer.say(MSG_CHANNEL_CLOSE, peer.channel)


class User:
    """The user's side of one conversation, in a thread of its own."""

    def __init__(self, host):
        self.host = host
        self.peer = None
        self.logged_in = self.failed = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            self.peer = Peer(connect(stack.port))
            self.peer.start_client(timeout=harness.WAIT_S)
            self.peer.auth_publickey(f"{harness.LOGIN}@{self.host}",
                                     paramiko.Ed25519Key.from_private_key_file(
                                         f"{stack.folder}/{USER}"))
            self.logged_in = self.peer.taken = True
            self.talk(self.peer)
            self.peer.close()
        except (EOFError, paramiko.SSHException):
            self.failed = True

    @staticmethod
    def talk(peer):
        channel = peer.open("session", 0)
        peer.say(MSG_CHANNEL_REQUEST, channel, "x11-req", True, False, "MIT", "00", 0)
        peer.wait_for(MSG_CHANNEL_FAILURE)
        peer.say(MSG_GLOBAL_REQUEST, "tcpip-forward", True, "", 0)
        peer.wait_for(MSG_REQUEST_FAILURE)
        peer.say(MSG_CHANNEL_OPEN, "direct-tcpip", 5, WINDOW, PACKET, "h", 1, "h", 1)
        peer.wait_for(MSG_CHANNEL_OPEN_FAILURE)
        peer.say(MSG_CHANNEL_REQUEST, channel, "shell", True)
        peer.wait_for(MSG_CHANNEL_SUCCESS)
        peer.say(MSG_CHANNEL_DATA, channel, b"to stdin")
        peer.wait_for(MSG_CHANNEL_EXTENDED_DATA)
        peer.say(MSG_CHANNEL_EOF, channel)
        peer.wait_for(MSG_CHANNEL_CLOSE)
        peer.say(MSG_CHANNEL_CLOSE, channel)
        denied = peer.open("session", 1)
        peer.say(MSG_CHANNEL_REQUEST, denied, "exec", True, "a role of shells denies it")
        peer.wait_for(MSG_CHANNEL_CLOSE, 2)
        peer.say(MSG_CHANNEL_EOF, denied)
        peer.say(MSG_CHANNEL_CLOSE, denied)
        harness.wait_until(lambda: len(target.peer.all_of(MSG_CHANNEL_CLOSE)) == 2, "both closes")

    def end(self):
        self.thread.join(harness.WAIT_S)
        if self.thread.is_alive():
            raise AssertionError("the conversation goes on")


def seen_by_both(user):
    seen = effects.Seen()
    for _ in range(target.connects):
        seen.add("target", "connect")
    peer = user.peer
    if peer and peer.auth_handler and peer.auth_handler.banner:
        seen.add("user", "banner", peer.auth_handler.banner.decode())
    if user.logged_in:
        seen.add("user", "login", "1")
    if user.failed and not user.logged_in:
        seen.add("user", "login", "0")
    effects.add_heard(seen, "target", target.peer)
    effects.add_heard(seen, "user", peer)
    return seen


# Kinds of the system sessions for which nothing waits, and why.
NOTHING_WAITS = {
    "start": "a daemon's first frame", "stop": "its last frame", "heartbeat": "it lives",
    "clock_jump": "what its clock did", "access_load": "which rules are in force",
    "session_closed": "repeats the head that the session itself has signed",
    "connection_refused": "counts connections that were closed before",
    "connection_end": "which connection is gone",
    "key_probe": "counts what was answered before: that the public key of a user would do",
    "address_delayed": "whose answers wait; they wait for an auth_attempt",
    "rollback_seen": "why sessions are refused from then on",
    "rollback_accepted": "sessions wait for it (rollback_test)",
    "verdict": "what the verification of the night found",
}


def log_in(key):
    """Begins a login at the gateway, as the outer connection of `ssh -J`; returns the answers."""
    answers = []

    def run():
        peer = Peer(connect(stack.port))
        peer.start_client(timeout=harness.WAIT_S)
        try:
            peer.auth_publickey(USER, paramiko.Ed25519Key.from_private_key_file(key))
        except paramiko.SSHException:
            pass
        answers.append(peer.is_authenticated())
        peer.close()
    threading.Thread(target=run, daemon=True).start()
    return answers


# The other kinds of the system sessions: what makes a frame, and whether its effect is seen.
SYSTEM = {
    "auth_attempt": (lambda: log_in(f"{stack.folder}/{USER}"), bool),
    "session_opened": (lambda: User("honest"), lambda _: target.connects),
    "access_denied": (lambda: User("web"), lambda user: user.failed),
    "query": (lambda: subprocess.Popen([f"{harness.BIN}/gatetape", "--dir", stack.dir, "ls"],
                                       stdout=subprocess.DEVNULL),
              lambda ls: ls.poll() is not None),
}


class Hold:
    """Holds PostgreSQL at an INSERT of one frame of a session that does not exist yet, by its
    number, or of an event, by its name."""

    def __init__(self):
        stack.sql(f"""
            create schema hold;
            create table hold.at (seq bigint, name text, earlier uuid[]);
            create function hold.wait_frame() returns trigger language plpgsql security definer as
            $$ begin
              if exists (select from hold.at where seq between new.first_seq and new.last_seq
                         and new.session_id <> all(earlier)) then
                perform pg_advisory_xact_lock_shared({LOCK});
              end if;
              return new;
            end $$;
            create function hold.wait_event() returns trigger language plpgsql security definer as
            $$ begin
              if exists (select from hold.at where name = new.name) then
                perform pg_advisory_xact_lock_shared({LOCK});
              end if;
              return new;
            end $$;
            create trigger hold before insert on gatetape.frames
              for each row execute function hold.wait_frame();
            create trigger hold before insert on gatetape.event
              for each row execute function hold.wait_event()""")
        self.psql = subprocess.Popen(stack.psql("gatetape_owner"), stdin=subprocess.PIPE,
                                     stdout=subprocess.DEVNULL, cwd="/")

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()

    def tell(self, function, locks):
        """Runs a function of the lock, until there are so many locks."""
        self.psql.stdin.write(f"select {function}({LOCK});\n".encode())
        self.psql.stdin.flush()
        harness.wait_until(lambda: len(self.locks("granted")) == locks, function)

    def set(self, seq="null", name=""):
        stack.sql("delete from hold.at; insert into hold.at "
                  f"select {seq}, '{name}', array_agg(session_id) from gatetape.session")
        self.tell("pg_advisory_lock", 1)

    def release(self):
        self.tell("pg_advisory_unlock", 0)

    @staticmethod
    def locks(state):
        return stack.sql(f"select 1 from pg_locks where locktype = 'advisory' and {state} "
                         f"and objid = {LOCK}")

    def holds(self):
        return self.locks("not granted")


def setUpModule():
    global stack, target, hold
    stack = harness.Stack()
    harness.make_key(f"{stack.folder}/{USER}")
    harness.make_key(f"{stack.folder}/honest")
    target = HonestTarget(f"{stack.folder}/honest")
    stack.write_access("\n".join((
        "", access_file.user(USER, harness.public_key(f"{stack.folder}/{USER}"), "witnessed"),
        access_file.target("honest", target.port, harness.public_key(f"{stack.folder}/honest")),
        access_file.target("stranger", target.port, harness.public_key(f"{stack.folder}/alice")),
        access_file.role("witnessed", ["honest", "stranger"], [harness.LOGIN], ["shell"]))))
    stack.reload()
    hold = Hold()


def tearDownModule():
    hold.close()
    target.stop()
    stack.close_covered()


class WriteAhead(unittest.TestCase):
    def converse(self, host):
        """Has one conversation to its end; returns the frames of its session."""
        user = User(host)
        user.end()
        return self.frames_to_the_end(user)

    def frames_to_the_end(self, user):
        session = stack.newest_session()
        stack.wait_closed(session)
        frames = effects.stored_frames(session, stack.sql)
        seen, may = seen_by_both(user), effects.may_pass(frames)
        self.assertEqual((seen.not_in(may), may.not_in(seen)), ({}, {}))
        return frames

    @contextlib.contextmanager
    def held(self):
        """Waits until PostgreSQL is held, and stops the recorder for the block."""
        try:
            harness.wait_until(hold.holds, "the frame is held")
            recorder = stack.pid("gatetape-recorder")
            os.kill(recorder, signal.SIGSTOP)
            try:
                time.sleep(SETTLE_S)
                yield
            finally:
                os.kill(recorder, signal.SIGCONT)
        finally:
            hold.release()

    def held_at(self, host, seq):
        """Has the same conversation, held at one frame; returns that frame's kind."""
        target.forget()
        hold.set(seq)
        user = User(host)
        with self.held():
            seen = seen_by_both(user)
            session = stack.sql("select max(session_id::text) from gatetape.frames")[0][0]
            earlier = stack.sql(f"select from hold.at where '{session}' = any(earlier)")
            stored = [] if earlier else effects.stored_frames(session, stack.sql)
            self.assertEqual(seen.not_in(effects.may_pass(stored)), {},
                             f"seen and not durable, held at frame {seq}")
        user.end()
        return self.frames_to_the_end(user)[seq - 1][0]

    def held_places(self, host):
        """Returns the numbers of the frames at which the conversation is held: of all of them, or
        in the quick tier of the first of each kind."""
        target.forget()
        names = [name for name, _ in self.converse(host)]
        return harness.by_tier([names.index(name) + 1 for name in dict.fromkeys(names)],
                               range(1, len(names) + 1))

    def test_nothing_is_seen_before_its_frame_is_durable(self):
        held = set()
        for host in ("honest", "stranger"):
            for seq in self.held_places(host):
                with self.subTest(host=host, seq=seq):
                    held.add(self.held_at(host, seq))
        self.assertEqual(held, set(effects.OF_SESSIONS.values()))

    def test_nothing_is_answered_before_its_frame_in_a_system_session_is_durable(self):
        self.assertEqual({*SYSTEM, *NOTHING_WAITS}, set(effects.OF_SYSTEM.values()))
        for name, (begin, is_seen) in SYSTEM.items():
            with self.subTest(kind=name):
                target.forget()
                hold.set(name=name)
                begun = begin()
                with self.held():
                    self.assertFalse(is_seen(begun), "seen and not durable")
                harness.wait_until(lambda: is_seen(begun), f"{name} is answered")
                if isinstance(begun, User):
                    begun.end()


if __name__ == "__main__":
    unittest.main()
