"""The user is told about a denial, it is recorded, and nothing is passed on."""

import hashlib
import os
import socket
import subprocess
import unittest

import harness

stack = None


def setUpModule():
    global stack
    stack = harness.Stack()


def tearDownModule():
    stack.close_covered()


class Policy(unittest.TestCase):
    def target_lines(self, text):
        return stack.target.log_text().count(text)

    def refused(self, words, told, **options):
        """Runs a command that must fail and print why."""
        ran = harness.run(words, **options)
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn(told, ran.stderr.decode() + ran.stdout.decode())
        return ran

    def recorded(self, name, **fields):
        """Waits for an event of the gateway's system session with these fields; returns it."""
        def find():
            for _, _, found in reversed(stack.system_events(name)):
                if all(found.get(key) == value for key, value in fields.items()):
                    return found
            return None
        return harness.wait_until(find, f"{name} {fields} is recorded", 20)

    def denied(self, what, name, reason):
        """Waits for a denied frame in the newest session."""
        def find():
            found = stack.events(stack.newest_session(), "denied")
            return [fields for _, _, fields in found
                    if fields["what"] == what and fields["name"] == name]
        fields = harness.wait_until(find, f"{what} {name} denied is recorded", 20)[0]
        self.assertIn(reason, fields["reason"])

    def test_a_wrong_key_is_refused_and_recorded(self):
        self.refused([*stack.jump(user="stranger"), "true"], "Permission denied (publickey)")
        found = self.recorded("auth_attempt", user="stranger", result="refused")
        self.assertEqual(found["reason"], "unknown key")
        self.assertTrue(found["key_fingerprint"].startswith("SHA256:"))

    def test_a_key_is_no_passport_for_another_name(self):
        self.refused([*stack.jump("-o", "User=x", user="bob")[:3], "-l", "alice", "gw", "true"],
                     "Permission denied (publickey)")
        found = self.recorded("auth_attempt", user="alice", known_as="bob", result="refused")
        self.assertEqual(found["reason"], "the key is another user's")

    def test_an_unknown_target_is_refused_by_name(self):
        before = self.target_lines("Connection from")
        self.refused([*stack.jump(target="nowhere"), "true"], "no target nowhere")
        self.refused([*stack.direct(target="nowhere"), "true"], "no target nowhere")
        self.recorded("access_denied", user="alice", login=harness.LOGIN)
        self.assertEqual(self.target_lines("Connection from"), before)

    def test_a_login_that_no_role_gives_is_refused(self):
        before = self.target_lines("Connection from")
        for words in (stack.jump(login="nobody"), stack.direct(login="nobody")):
            self.refused([*words, "true"], "alice may not log in to web as nobody")
        self.recorded("access_denied", user="alice", login="nobody", target="web")
        self.assertEqual(self.target_lines("Connection from"), before)

    def test_a_shell_is_refused_without_the_right(self):
        before = self.target_lines("Starting session: shell")
        self.refused(stack.jump("-T", user="bob"), "your roles do not allow a shell here")
        self.denied("request", "shell", "your roles do not allow a shell")
        self.assertEqual(self.target_lines("Starting session: shell"), before)

    def test_a_command_is_refused_without_the_right(self):
        for words in (stack.jump(user="carol"), stack.direct(user="carol")):
            self.refused([*words, f"touch {stack.folder}/carol_was_here"],
                         "your roles do not allow commands here")
            self.denied("request", "exec", "your roles do not allow commands")
        self.assertFalse(os.path.exists(f"{stack.folder}/carol_was_here"))

    def test_sftp_is_refused_without_the_right(self):
        before = self.target_lines("subsystem")
        ran = harness.run(["sftp", "-F", stack.config("bob"), "-J", "gw", "-b", "-",
                           f"{harness.LOGIN}@web"], input=b"ls /\n")
        self.assertEqual((ran.returncode, ran.stdout), (255, b""))
        self.assertIn(b"subsystem request failed on channel 0", ran.stderr)
        self.denied("request", "subsystem", "your roles do not allow sftp")
        self.assertEqual(self.target_lines("subsystem"), before)

    def test_a_subsystem_that_does_not_pass_fails_as_one_that_the_target_does_not_have(self):
        expected = harness.run([*stack.plain("-s"), "netconf"])
        self.assertIn(b"subsystem request failed", expected.stderr)
        for words in stack.routes("-s"):
            ran = harness.run([*words, "netconf"])
            self.assertEqual((ran.returncode, ran.stdout, ran.stderr),
                             (expected.returncode, expected.stdout, expected.stderr))
            self.denied("request", "subsystem", "only the subsystem sftp passes")

    def test_local_and_dynamic_forwards_are_refused(self):
        for kind in ("-L", "-D"):
            port = harness.free_port()
            forward = f"{port}:127.0.0.1:{stack.target.port}" if kind == "-L" else str(port)
            process = subprocess.Popen(stack.jump(kind, forward, "-N"), stdin=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE)
            with self.subTest(kind=kind):
                harness.wait_until(lambda: harness.can_connect(port), "ssh listens")
                with socket.create_connection(("127.0.0.1", port), harness.WAIT_S) as client:
                    if kind == "-D":  # SOCKS 4: connect to 127.0.0.1
                        client.sendall(b"\x04\x01" + stack.target.port.to_bytes(2, "big")
                                       + b"\x7f\x00\x00\x01\x00")
                    self.assertNotIn(b"SSH-", client.recv(100))
                self.denied("channel", "direct-tcpip", "forwarding does not")
            process.terminate()
            self.assertIn(b"forwarding does not", process.communicate()[1])

    def test_remote_forwards_are_refused(self):
        self.refused(stack.jump("-R", f"0:127.0.0.1:{stack.target.port}", "-N", "-o",
                                "ExitOnForwardFailure=yes"), "remote port forwarding failed")
        self.denied("global_request", "tcpip-forward", "")

    def test_the_gateway_itself_gives_no_shell_and_no_forwards(self):
        outer = ["ssh", "-F", stack.config(), "-o", "ExitOnForwardFailure=yes"]
        self.refused([*outer, "gw", "true"], "this is a gateway; use ssh -J")
        reason = "this is a gateway; use ssh -J, or log in as LOGIN@TARGET"
        self.recorded("access_denied", user="alice", target="", reason=reason)
        self.refused([*outer, "-R", f"0:127.0.0.1:{stack.target.port}", "-N", "gw"],
                     "remote port forwarding failed")
        self.recorded("access_denied", user="alice", reason="port forwarding does not pass")
        self.refused([*outer, "-R", f"{stack.folder}/forward:127.0.0.1:22", "-N", "gw"],
                     "remote port forwarding failed")
        self.recorded("access_denied", user="alice", reason="the global request "
                      "streamlocal-forward@openssh.com does not pass")

    def test_agent_and_x11_do_not_pass(self):
        agent = f"{stack.folder}/agent"
        process = subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL)
        harness.wait_until(lambda: os.path.exists(agent), "the agent listens")
        forwards = ("-A", "-o", f"IdentityAgent={agent}")
        for words in stack.routes(*forwards):
            ran = harness.run([*words, "echo [$SSH_AUTH_SOCK]"],
                              env={**os.environ, "SSH_AUTH_SOCK": agent})
            self.assertEqual((ran.stdout, ran.stderr), (b"[]\n", b""))
            self.denied("request", "auth-agent-req@openssh.com", "does not pass")
        process.terminate()
        process.wait()
        env = {**os.environ, "DISPLAY": "127.0.0.1:77"}
        expected = harness.run([*stack.plain("-X"), "echo [$DISPLAY]"], env=env)
        for words in stack.routes("-X"):
            ran = harness.run([*words, "echo [$DISPLAY]"], env=env)
            self.assertEqual((ran.stdout, ran.stderr), (b"[]\n", expected.stderr))
            self.denied("request", "x11-req", "does not pass")

    def test_a_changed_host_key_ends_the_session_and_both_keys_are_recorded(self):
        before = self.target_lines("Accepted")
        self.refused([*stack.jump(target="changed"), "true"], "host key of changed is not the one")
        failed = harness.wait_until(lambda: stack.events(stack.newest_session(), "target_fail"),
                                    "target_fail is recorded")[0][2]
        self.assertEqual(failed["reason"], "host_key_mismatch")
        self.assertIn(failed["host_key"], stack.target.host_key())
        self.assertIn(harness.public_key(f"{stack.folder}/other_host_key"), str(failed))
        self.assertEqual(self.target_lines("Accepted"), before)

    def test_a_target_that_is_away_is_named(self):
        self.refused([*stack.jump(target="gone"), "true"], "gone: Connection refused")
        failed = harness.wait_until(lambda: stack.events(stack.newest_session(), "target_fail"),
                                    "target_fail is recorded")[0][2]
        self.assertEqual(failed["addresses_tried"], failed["address"])

    def test_an_invalid_access_file_changes_nothing(self):
        stack.write_access(more='\n[[role]]\nnme = "typo"\n')
        with open(f"{stack.dir}/access.toml", encoding="utf-8") as file:
            text = file.read()
        lines = text.splitlines()
        line = stack.reload()
        self.assertEqual(line["event"], "access_refused")
        where = f"access.toml:{lines.index('nme = ' + chr(34) + 'typo' + chr(34)) + 1}"
        self.assertIn(where, line["error"])
        found = self.recorded("access_load", result="refused")
        self.assertIn(where, found["error"])
        self.assertEqual(found["sha256"], hashlib.sha256(text.encode()).hexdigest())
        self.assertEqual(harness.run([*stack.jump(), "echo old rules"]).stdout, b"old rules\n")
        stack.write_access()
        self.assertEqual(stack.reload()["event"], "access_loaded")

    def test_a_gateway_restarts_under_the_last_good_rules_when_the_file_is_bad(self):
        pid = stack.pid("gatetape-gateway")
        stack.write_access(more='\n[[role]]\nname = "' + "x " * 150_000 + '"\n')
        line = stack.reload()
        self.assertEqual(line["event"], "access_refused")
        self.assertLess(len(line["error"]), 2000)
        self.assertEqual(stack.pid("gatetape-gateway"), pid, "a long mistake ended the gateway")
        stack.restart("gatetape-gateway")
        self.assertEqual(harness.run([*stack.jump(), "echo good"]).stdout, b"good\n")
        used = self.recorded("access_load", fallback="1")
        self.assertEqual(used["result"], "ok")
        self.assertTrue(used["path"].endswith("access.toml.good"), used)
        self.assertIn("last_good_rules_are_used", str(stack.log("gateway")))
        stack.write_access()
        self.assertEqual(stack.reload()["event"], "access_loaded")

    def test_a_new_access_file_holds_from_the_next_login_on(self):
        stack.write_access(more='\n[[user]]\nname = "stranger"\nroles = ["commands"]\n'
                                f'keys = ["{stack.keys["stranger"]}"]\n')
        self.assertEqual(stack.reload()["event"], "access_loaded")
        words = [*stack.jump(user="stranger"), "echo welcome"]
        self.assertEqual(harness.run(words).stdout, b"welcome\n")
        stack.write_access()
        stack.reload()
        self.refused(words, "Permission denied (publickey)")

    def test_the_gateway_offers_what_ssh_audit_accepts_and_the_macs_of_libssh2(self):
        ran = harness.run(["ssh-audit", "-n", "-l", "warn", "-p", str(stack.port), "127.0.0.1"])
        objections = [line for line in ran.stdout.decode().splitlines()
                      if "[warn]" in line or "[fail]" in line]
        self.assertEqual([line.split("#")[0].split() for line in objections], [
            "(kex) kex-strict-s-v00@openssh.com -- [warn] unknown algorithm".split(),
            "(mac) hmac-sha2-256 -- [warn] using encrypt-and-MAC mode".split(),
            "(mac) hmac-sha2-512 -- [warn] using encrypt-and-MAC mode".split()])


if __name__ == "__main__":
    unittest.main()
