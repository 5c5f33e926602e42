"""Sessions through the gateway behave as they do without it. Each test does the same on both routes
through the gateway and, where possible, straight to the target, and compares."""

import base64
import hashlib
import os
import socket
import subprocess
import time
import unittest

import harness

stack = None


def setUpModule():
    global stack
    stack = harness.Stack()


def tearDownModule():
    stack.close_covered()


class Commands(unittest.TestCase):
    def test_a_command_runs_by_jump_and_direct_and_is_recorded(self):
        for number, words in enumerate(stack.routes()):
            with self.subTest(words=words):
                ran = harness.run([*words, f"echo route {number}"])
                self.assertEqual(ran.stdout, f"route {number}\n".encode(), ran.stderr)
                session = stack.session_of(f"echo route {number}")
                opened = stack.events(session, "session_open")[0][2]
                self.assertEqual(opened["user"], "alice")
                self.assertEqual(opened["target"], "web")
                self.assertEqual(opened["route"], ["jump", "direct"][number])

    def test_proxyjump_in_the_config_works(self):
        ran = harness.run(["ssh", "-F", stack.config(), "via-config", "echo configured"])
        self.assertEqual(ran.stdout, b"configured\n", ran.stderr)

    def test_the_opening_names_the_connection_and_how_it_is_protected(self):
        numbers = []
        for words in stack.routes("-c", "aes256-ctr", "-m", "hmac-sha2-512-etm@openssh.com"):
            command = f"echo opening {len(numbers)}"
            harness.run([*words, command])
            session = stack.session_of(command)
            opened = stack.events(session, "session_open")[0][2]
            for key, value in {"actor": "person", "credential": "key",
                               "cipher_in": "aes256-ctr", "cipher_out": "aes256-ctr",
                               "mac_in": "hmac-sha2-512-etm@openssh.com",
                               "mac_out": "hmac-sha2-512-etm@openssh.com"}.items():
                self.assertEqual(opened[key], value, key)
            self.assertRegex(opened["kex"], "^curve25519-sha256")
            self.assertEqual(opened["host_key_algorithm"], "ssh-ed25519-cert-v01@openssh.com"
                             if opened["route"] == "jump" else "ssh-ed25519")
            self.assertEqual(opened["key_check"], stack.sql(
                "select encode(key_check, 'hex') from gatetape.session_key "
                f"where session_id = '{session}'")[0][0])
            logins = [fields for _, _, fields in stack.system_events("auth_attempt")
                      if fields["connection"] == opened["connection"]]
            self.assertEqual([login["result"] for login in logins], ["accepted"])
            reached = stack.events(session, "target_connect")[0][2]
            self.assertEqual(reached["way"], "direct")
            self.assertIn(f"port {reached['source'].rsplit(':', 1)[1]} ", stack.target.log_text())
            numbers.append(int(opened["session_no"]))
        self.assertEqual(numbers[1], numbers[0] + 1)

    def test_exit_codes_and_signals_are_the_targets(self):
        for command in ("true", "exit 3", "exit 255", "kill -TERM $$", "kill -KILL $$",
                        "no_such_x"):
            expected = harness.run([*stack.plain(), command])
            for words in stack.routes():
                with self.subTest(command=command, words=words):
                    ran = harness.run([*words, command])
                    self.assertEqual(ran.returncode, expected.returncode, ran.stderr)
                    self.assertEqual(ran.stderr, expected.stderr)

    def test_a_login_with_a_style_or_odd_bytes_goes_to_the_target_by_both_forms(self):
        for words in (stack.jump(login=f"{harness.LOGIN}:style"),
                      stack.direct(login=f"{harness.LOGIN}:style")):
            ran = harness.run([*words, "echo styled"])
            self.assertEqual(ran.stdout, b"styled\n", ran.stderr)
        for number, login in enumerate(("al ice", "J\u00f6rg", "J\udcf6rg")):
            for words in (stack.jump(login=login), stack.direct(login=login)):
                ran = harness.run([*words, f"echo {number}"])
                self.assertIn(b"may not log in to web as", ran.stderr, words)

    def test_the_certificate_for_the_target_lets_the_users_rc_file_run(self):
        target = stack.add_target("exposing", "ExposeAuthInfo yes")
        stack.write_client_files()
        ran = harness.run([*stack.direct(target="exposing"), "cat $SSH_USER_AUTH"])
        certificate = ran.stdout.split(b" ", 1)[1]
        shown = harness.run(["ssh-keygen", "-L", "-f", "-"], input=certificate).stdout.decode()
        for extension in ("permit-pty", "permit-user-rc"):
            self.assertIn(extension, shown)
        self.assertIn("Accepted publickey", target.log_text())

    def test_a_client_that_says_nothing_is_disconnected_long_before_the_login_grace_time(self):
        with socket.create_connection(("127.0.0.1", stack.port)) as sock:
            sock.settimeout(harness.WAIT_S)
            started = time.monotonic()
            while sock.recv(65536):
                pass
            self.assertTrue(9 < time.monotonic() - started < 20)

    def test_an_exit_signal_is_recorded_by_its_name(self):
        harness.run([*stack.jump(), "kill -USR1 $$; echo x"])
        session = stack.session_of("kill -USR1 $$; echo x")
        signals = stack.events(session, "exit-signal")
        self.assertEqual(len(signals), 1)
        self.assertIn("USR1", signals[0][1])

    def test_any_bytes_pass_both_ways_and_stderr_stays_apart(self):
        data = os.urandom(3_000_000)
        for words in stack.routes():
            with self.subTest(words=words):
                ran = harness.run([*words, "tee /dev/stderr"], input=data)
                self.assertTrue(ran.stdout == data, "standard output differs")
                self.assertTrue(ran.stderr == data, "standard error differs")

    def test_the_end_of_input_reaches_the_target_alone(self):
        for words in stack.routes():
            with self.subTest(words=words):
                ran = harness.run([*words, "cat > /dev/null; echo behind the end"],
                                  input=b"x" * 70000)
                self.assertEqual(ran.stdout, b"behind the end\n", ran.stderr)
                ran = harness.run([*words, "exec >&- 2>&-; cat > /dev/null; exit 7"], input=b"y")
                self.assertEqual(ran.returncode, 7)

    def test_the_exit_code_comes_also_when_the_client_closed_at_the_end_of_output(self):
        command = "exec >&- 2>&-; sleep 1; exit 7"  # a client that shares a connection closes
        for number, words in enumerate([stack.plain(), *stack.routes()]):
            control = ("-o", f"ControlPath={stack.folder}/exit{number}")
            shared = [words[0], *control, *words[1:]]
            harness.run([*shared, "-o", "ControlMaster=yes", "-o", "ControlPersist=30", "true"],
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with self.subTest(words=words):
                self.assertEqual(harness.run([*shared, command]).returncode, 7)
            harness.run([*shared, "-O", "exit"])

    def test_an_early_end_of_the_reader_ends_the_command(self):
        for words in stack.routes():
            with self.subTest(words=words):
                ran = subprocess.Popen([*words, "yes"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
                self.assertEqual(ran.stdout.read(10), b"y\ny\ny\ny\ny\n")
                ran.stdout.close()
                self.assertNotEqual(ran.wait(harness.WAIT_S), 0)

    def test_environment_is_passed_as_the_target_accepts_it(self):
        options = ("-o", "SetEnv=GATETAPE_A=1 LC_B='two words' OTHER=3")
        command = "env | grep -E '^(GATETAPE_A|LC_B|OTHER)=' | sort"
        expected = harness.run([*stack.plain(*options), command]).stdout
        self.assertIn(b"GATETAPE_A=1", expected)
        for words in stack.routes(*options):
            self.assertEqual(harness.run([*words, command]).stdout, expected)
        envs = [text for _, text, _ in stack.events(stack.session_of(command), "env")]
        self.assertIn("OTHER=3", envs)

    def test_several_sessions_share_one_connection(self):
        control = ("-o", f"ControlPath={stack.folder}/mux", "-o", "ControlPersist=30",
                   "-o", "ControlMaster=auto")
        harness.run([*stack.jump(*control), "echo first of the shared"])
        ran = [subprocess.Popen([*stack.jump(*control), f"sleep 0.2; echo {number}"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL) for number in range(8)]
        for number, process in enumerate(ran):
            self.assertEqual(process.communicate(timeout=harness.WAIT_S)[0], f"{number}\n".encode())
        harness.run([*stack.jump(*control, "-O", "exit")])
        session = stack.session_of("echo first of the shared")
        self.assertEqual(len(stack.events(session, "channel_open")), 9)

    def test_a_session_without_a_channel_is_recorded(self):
        before = stack.newest_session()
        for words in stack.routes("-N"):
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            harness.wait_until(lambda: stack.newest_session() != before, "the session begins")
            session = stack.newest_session()
            harness.wait_until(lambda: stack.events(session, "target_connect"),
                               "the target answers")
            process.terminate()
            process.wait()
            stack.wait_closed(session)
            self.assertEqual(stack.events(session, "channel_open"), [])
            before = session


def long_command(size, command):
    """Returns the words of a command of `size` bytes, with a comment that makes it so long. execve
    takes no argument over 128 KiB, and ssh joins its arguments."""
    part = "x" * 100_000
    words = [command, "#"]
    while (rest := size - len(" ".join(words)) - 1) > 0:
        words.append(part[:rest])
    return words


class LongCommands(unittest.TestCase):
    def test_a_command_that_sshd_takes_passes_whole(self):
        # The target's own shell cannot be started with an argument over 128 KiB.
        for size, code in ((120_000, 0), (200_000, 1), (255 * 1024 - 4, 1)):
            command = long_command(size, f"echo long {size}")
            expected = harness.run([*stack.plain(), *command])
            self.assertEqual(expected.returncode == 0, code == 0, expected.stderr)
            for words in stack.routes():
                with self.subTest(size=size, words=words):
                    ran = harness.run([*words, *command])
                    self.assertEqual((ran.returncode, ran.stdout, ran.stderr),
                                     (expected.returncode, expected.stdout, expected.stderr))
                    session = stack.newest_session()
                    stack.wait_closed(session)
                    stored = stack.events(session, "exec")[0][1]
                    self.assertEqual(stored, " ".join(command))
                    self.assertEqual(stack.gatetape("verify", session).returncode, 0)

    def test_a_command_that_fits_into_no_frame_is_denied_alone(self):
        size = 255 * 1024 - 3  # The request has 4 bytes more.
        command = long_command(size, "echo never")
        for number, route in enumerate((stack.jump, stack.direct)):
            control = ("-o", f"ControlPath={stack.folder}/long{number}")
            harness.run([*route(*control, "-o", "ControlMaster=yes", "-o", "ControlPersist=60"),
                         "true"])
            with subprocess.Popen([*route(*control), "cat"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as beside:
                beside.stdin.write(b"before\n")
                beside.stdin.flush()
                self.assertEqual(beside.stdout.readline(), b"before\n")
                ran = harness.run([*route(*control), *command])
                self.assertEqual((ran.returncode, ran.stdout), (255, b""))
                self.assertIn(b"gatetape: exec: a request of 261121 bytes is too long", ran.stderr)
                self.assertEqual(beside.communicate(b"after\n")[0], b"after\n")
            harness.run([*route(*control, "-O", "exit")])
            session = stack.newest_session()
            stack.wait_closed(session)
            denied = stack.events(session, "denied")[0][2]
            whole = (size).to_bytes(4, "big") + " ".join(command).encode()
            self.assertEqual(denied["length"], "261121")
            self.assertEqual(denied["sha256"], hashlib.sha256(whole).hexdigest())
            self.assertEqual(bytes_of(denied["data"]), whole[:64 * 1024])
            self.assertEqual(stack.gatetape("verify", session).returncode, 0)

    def test_a_command_over_the_limit_of_a_packet_ends_the_connection_as_with_sshd(self):
        command = long_command(300_000, "echo never")
        self.assertEqual(harness.run([*stack.plain(), *command]).returncode, 255)
        for words in stack.routes():
            ran = harness.run([*words, *command])
            self.assertEqual((ran.returncode, ran.stdout), (255, b""), ran.stderr)
            session = stack.newest_session()
            stack.wait_closed(session)
            self.assertEqual(stack.events(session, "exec"), [])
        self.assertTrue(stack.works())


def bytes_of(field):
    """Returns the value of a field of an event row, which is text or {"base64": TEXT}."""
    return base64.b64decode(field["base64"]) if isinstance(field, dict) else field.encode()


class Terminals(unittest.TestCase):
    def drive(self, words):
        """Types into a small shell and resizes the terminal; returns what was on the screen."""
        command = ["env", "PS1='$ '", "sh", "-i"]
        terminal = harness.Terminal([*words, *command])
        terminal.expect("$ ")
        terminal.type("stty size; tty | cut -c1-8; echo $TERM\r")
        terminal.expect("24 80\r\n")
        terminal.expect("$ ")
        terminal.resize(40, 100)
        terminal.type("until [ \"$(stty size)\" = \"40 100\" ]; do sleep 0.1; done; echo grown\r")
        terminal.expect("grown\r\n")
        terminal.expect("$ ")
        # One process prints and waits, because a ^C between two processes reaches the shell alone.
        terminal.type("sh -c 'printf \"caf\\303\\251 \\033[1mbold\\033[0m\\n\"; exec cat'\r")
        terminal.expect(b"bold\x1b[0m\r\n")
        terminal.type("\x03")
        terminal.expect("$ ")
        terminal.type("exit 4\r")
        code = terminal.finish()
        return code, terminal.screen.replace(b"Connection to 127.0.0.1", b"Connection to web")

    def test_a_terminal_shows_the_same_as_without_a_gateway(self):
        expected = self.drive(stack.plain("-tt"))
        self.assertEqual(expected[0], 4)
        for words in stack.routes("-tt"):
            with self.subTest(words=words):
                self.assertEqual(self.drive(words), expected)

    def test_a_login_shell_works_and_its_resize_is_recorded(self):
        terminal = harness.Terminal(stack.jump("-tt"), env={"PS1": "$ "})
        terminal.type("echo $((20+3))-shell\r")
        terminal.expect("23-shell")
        terminal.resize(50, 132)
        terminal.type("until [ \"$(stty size)\" = \"50 132\" ]; do sleep 0.1; done; exit\r")
        self.assertEqual(terminal.finish(), 0)
        session = stack.newest_session()
        stack.wait_closed(session)
        names = [name for name, _, _ in stack.events(session)]
        for name in ("pty-req", "shell", "window-change", "exit-status"):
            self.assertIn(name, names)

    def test_terminal_modes_are_the_clients(self):
        def modes(words):
            setting = "stty erase ^H intr ^X -ixon iutf8; exec \"$@\""
            terminal = harness.Terminal(["sh", "-c", setting, "sh", *words, "stty -a"],
                                        rows=31, columns=77)
            self.assertEqual(terminal.finish(), 0, terminal.screen)
            return [line for line in terminal.screen.splitlines() if b"Connection to" not in line]

        expected = modes(stack.plain("-tt"))
        self.assertTrue(any(b"erase = ^H" in line for line in expected))
        for words in stack.routes("-tt"):
            with self.subTest(words=words):
                self.assertEqual(modes(words), expected)


if __name__ == "__main__":
    unittest.main()
