"""Logins, host keys, keepalives and links to the recorder that no other test covers, with stock
clients on a stack whose daemons speak mutual TLS over TCP."""

import os
import shutil
import subprocess
import unittest

from paramiko.common import MSG_CHANNEL_REQUEST, MSG_CHANNEL_SUCCESS

import access_file
import harness
import runners
import ssh_wire

stack = None
TRIES_MAX = 6  # The default of max_auth_tries.
ALIVE_S = 1
IDLE_S = 5  # ssh waits a shorter time for two answers.
TLS_PARTS = {"gatetape.toml": "gateway", "recorder.toml": "recorder", "auditd.toml": "auditd"}


class OverTls(runners.Separate):
    """Each daemon has its own certificate; the recorder listens on TCP."""

    def before_daemons(self):
        self.recorder_port = harness.free_port()
        self.make_certificates("tls")
        self.make_certificates("foreign")
        self.sign("roleless", "URI:spiffe://gatetape/gateway")
        self.sign("janitor", "URI:gatetape:janitor")
        self.stack.add_settings({"recorder": f'listen = "127.0.0.1:{self.recorder_port}"',
                                 "": f'recorders = ["127.0.0.1:{self.recorder_port}"]'})
        self.stack.replace_in_config("[gateway]\n", f"{tls_section('tls', 'gateway')}\n[gateway]\n")
        for config, part in TLS_PARTS.items():
            self.write_config(config, tls_section("tls", part))

    def make_certificates(self, folder):
        path = f"{self.stack.dir}/{folder}"
        ran = self.stack.gatetape("certs", "--host", "127.0.0.1", "--out", path)
        if ran.returncode != 0:
            raise AssertionError(ran.stderr.decode())

    def sign(self, name, names):
        """Makes a certificate of the authority by hand."""
        folder = f"{self.stack.dir}/tls"
        for words in (["req", "-newkey", "ed25519", "-nodes", "-keyout", f"{name}.key", "-out",
                       f"{name}.csr", "-subj", "/CN=x", "-addext", f"subjectAltName={names}"],
                      ["x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                       "-copy_extensions", "copy", "-days", "2", "-out", f"{name}.pem"]):
            ran = harness.run(["openssl", *words], cwd=folder)
            if ran.returncode != 0:
                raise AssertionError(ran.stderr.decode())

    def write_config(self, config, section):
        """Writes gatetape.toml with another section [tls]."""
        self.stack.replace_in_config(tls_section("tls", "gateway"), section, config)

    def config_of(self, name):
        config = f"{name.removeprefix('gatetape-')}.toml"
        return config if config in TLS_PARTS else super().config_of(name)

    def is_ready(self, name):
        if name == "gatetape-recorder":
            return harness.can_connect(self.recorder_port)
        return super().is_ready(name)


def tls_section(folder, part, authority=None):
    return (f'[tls]\ncertificate = "{folder}/{part}.pem"\nkey = "{folder}/{part}.key"\n'
            f'ca = "{authority or folder}/ca.pem"\n')


def setUpModule():
    global stack
    stack = harness.Stack(runner=OverTls())
    stack.write_access(more_access())
    stack.reload()


def tearDownModule():
    stack.liar.stop()
    stack.keyed.stop()
    stack.close_covered()


def more_access():
    """Starts two more targets, one that knows no user CA and one that is a program of this test;
    returns the lines of access.toml for them."""
    for name in ("keyed", "liar_host", "foreign_ca"):
        harness.make_key(f"{stack.folder}/{name}")
    stack.keyed = harness.Target(
        f"{stack.folder}/target_keyed", harness.public_key(f"{stack.folder}/foreign_ca"),
        harness.public_key(f"{stack.folder}/keyed"))
    shutil.copy(f"{stack.folder}/keyed", f"{stack.dir}/keys/keyed")
    os.chmod(f"{stack.dir}/keys/keyed", 0o600)
    shutil.chown(f"{stack.dir}/keys/keyed", stack.account("gateway"))
    stack.liar = ssh_wire.Liar(f"{stack.folder}/liar_host")
    liar_key = harness.public_key(f"{stack.folder}/liar_host")
    return "\n" + "\n".join((
        access_file.user("stranger", stack.keys["stranger"], "addresses"),
        access_file.role("addresses", [f"127.0.0.0/8:{stack.target.port}"], [harness.LOGIN],
                         ["exec"]),
        access_file.target("keyed", stack.keyed.port, stack.keyed.host_key(),
                           'key_file = "keys/keyed"\n'),
        access_file.target("liar", stack.liar.port, liar_key)))


class Ways(unittest.TestCase):
    def passes(self, words, text, **options):
        """Runs `echo TEXT` on a route; returns the session, which is recorded and intact."""
        ran = harness.run([*words, f"echo {text}"], **options)
        self.assertEqual(ran.stdout, f"{text}\n".encode(), ran.stderr)
        session = stack.session_of(f"echo {text}")
        self.assertEqual(stack.gatetape("verify", session).returncode, 0)
        return session

    # Logins.

    def test_a_key_file_of_access_toml_logs_in_where_no_certificate_does(self):
        for number, words in enumerate((stack.jump(target="keyed"), stack.direct(target="keyed"))):
            self.passes(words, f"keyed {number}")
        accepted = [line for line in stack.keyed.log_text().splitlines()
                    if "Accepted publickey" in line]
        self.assertEqual(len(accepted), 2)
        fingerprint = harness.run(["ssh-keygen", "-l", "-f", f"{stack.folder}/keyed.pub"])
        for line in accepted:
            self.assertIn(fingerprint.stdout.split()[1].decode(), line)
            self.assertNotIn("-CERT", line)

    def test_the_name_jump_is_everybodys_and_the_key_says_who_it_is(self):
        words = ["jump@gw" if word == "gw" else word for word in stack.jump()]
        session = self.passes(words, "by the shared name")
        opened = stack.events(session, "session_open")[0][2]
        self.assertEqual((opened["user"], opened["route"]), ("alice", "jump"))

    def test_a_target_is_reached_by_its_address_under_a_role_of_addresses(self):
        port = stack.target.port
        for number, words in enumerate(self.by_address(port)):
            session = self.passes(words, f"by address {number}")
            opened = stack.events(session, "session_open")[0][2]
            self.assertEqual((opened["user"], opened["target"]), ("stranger", "web"))
        for words, told in zip(self.by_address(stack.keyed.port), (
                b"your roles do not reach keyed", b"stranger may not log in to keyed")):
            ran = harness.run([*words, "echo not covered"])
            self.assertEqual(ran.stdout, b"")
            self.assertIn(told, ran.stderr)

    def by_address(self, port):
        jump = stack.jump("-p", str(port), user="stranger", target="127.0.0.1")
        return [jump, stack.direct(user="stranger", target=f"127.0.0.1:{port}")]

    def test_after_too_many_wrong_keys_the_client_is_told_and_each_is_counted(self):
        keys = []
        for number in range(TRIES_MAX + 2):
            keys += ["-i", f"{stack.folder}/wrong{number}"]
            harness.make_key(keys[-1])
        ran = harness.run([*stack.direct(*keys, login="guesser"), "true"])
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("too many authentication failures", ran.stderr.decode().lower())

        def counted():
            return sum(int(fields.get("count", 1)) for fields in self.guesses())
        harness.wait_until(lambda: counted() >= TRIES_MAX, "the attempts are recorded")
        self.assertEqual(counted(), TRIES_MAX)
        self.assertEqual({fields["reason"] for fields in self.guesses()}, {"unknown key"})
        lines = [line for line in stack.log("gateway")
                 if line["event"] == "login_refused" and line["user"] == "guesser@web"]
        self.assertEqual(len({line["key_fingerprint"] for line in lines}), TRIES_MAX)

    def guesses(self):
        return [fields for _, _, fields in stack.system_events("auth_attempt")
                if fields["user"] == "guesser@web"]

    # Host keys.

    def test_without_the_host_authority_a_first_contact_is_remembered(self):
        known = f"{stack.folder}/first_contact"
        options = ["-o", f"UserKnownHostsFile={known}", "-o", "HostKeyAlias=web-by-gateway"]
        words = stack.jump("-o", "StrictHostKeyChecking=accept-new", *options)
        ran = harness.run([*words, "echo accepted"])
        self.assertEqual(ran.stdout, b"accepted\n", ran.stderr)
        with open(known, encoding="ascii") as file:
            remembered = file.read()
        with open(f"{stack.dir}/keys/gateway_host.pub", encoding="ascii") as file:
            gateway_key = file.read().split()[:2]
        self.assertEqual([line.split()[:3] for line in remembered.splitlines()],
                         [["web-by-gateway", *gateway_key]])
        strict = stack.jump("-o", "StrictHostKeyChecking=yes", *options)
        self.passes(strict, "remembered")
        with open(known, "w", encoding="ascii") as file:
            file.write(f"web-by-gateway {harness.public_key(f'{stack.folder}/other_host_key')}\n")
        for changed in (words, strict):
            ran = harness.run([*changed, "echo changed"])
            self.assertEqual(ran.stdout, b"")
            self.assertIn(b"Host key verification failed", ran.stderr)

    # What a client sends in addition to data.

    def test_a_break_of_the_client_is_recorded_and_passes(self):
        for number, words in enumerate(stack.routes("-tt")):
            with self.subTest(words=words):
                command = f"echo ready; cat # break {number}"
                terminal = harness.Terminal([*words, command])
                terminal.expect("ready")
                terminal.type("\r")
                terminal.expect("\r\n\r\n")
                terminal.type("~B")
                session = stack.session_of(command, closed=False)
                harness.wait_until(lambda session=session: stack.events(session, "break"),
                                   "the break is stored")
                terminal.type("still here\r")
                terminal.expect("still here\r\nstill here")
                terminal.type("\x04")
                self.assertEqual(terminal.finish(), 0)
                self.assertEqual(len(stack.events(session, "break")), 1)
                self.assertEqual(stack.events(session, "denied"), [])

    def test_a_signal_of_the_client_is_recorded_and_reaches_the_target(self):
        heard = []

        def lie(peer):
            peer.say(MSG_CHANNEL_SUCCESS, peer.channel)
            got = peer.wait_for(MSG_CHANNEL_REQUEST, 2)
            heard.append((got.get_int(), got.get_text(), got.get_boolean(), got.get_text()))
            peer.say(MSG_CHANNEL_REQUEST, peer.channel, "exit-signal", False, "TERM", False, "", "")
            peer.ended()

        stack.liar.becomes(lie)
        with ssh_wire.connect(stack.port) as sock:
            peer = ssh_wire.Peer.client(sock, f"{harness.LOGIN}@liar", f"{stack.folder}/alice")
            channel = peer.start_command("wait for a signal")
            peer.say(MSG_CHANNEL_REQUEST, channel, "signal", False, "TERM")
            ended = peer.wait_for(MSG_CHANNEL_REQUEST)
            self.assertEqual((ended.get_int(), ended.get_text(), ended.get_boolean(),
                              ended.get_text()), (0, "exit-signal", False, "TERM"))
            peer.close()
        self.assertEqual(heard, [(0, "signal", False, "TERM")])
        session = stack.session_of("wait for a signal")
        self.assertEqual([text for _, text, _ in stack.events(session, "signal")], ["TERM"])

    def test_an_idle_session_outlives_keepalives_on_either_hop(self):
        options = ["-o", f"ServerAliveInterval={ALIVE_S}", "-o", "ServerAliveCountMax=2"]
        outer = f"{stack.folder}/outer_alive.conf"
        with open(stack.config(), encoding="utf-8") as file:
            text = file.read()
        with open(outer, "w", encoding="utf-8") as file:
            file.write(f"Host gw\n  ServerAliveInterval {ALIVE_S}\n  ServerAliveCountMax 2\n{text}")
        only_outer = [outer if word == stack.config() else word for word in stack.jump()]
        ways = [only_outer, stack.jump(*options), stack.direct(*options)]
        ran = [subprocess.Popen([*words, f"sleep {IDLE_S}; echo awake {number}"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE) for number, words in enumerate(ways)]
        for number, process in enumerate(ran):
            out, errors = process.communicate(timeout=harness.WAIT_S)
            self.assertEqual((out, process.returncode), (b"awake %d\n" % number, 0), errors)

    # The link to the recorder.

    def test_over_mutual_tls_sessions_are_recorded_whole(self):
        data = os.urandom(1_000_000)
        ran = harness.run([*stack.jump(), "cat # over TLS"], input=data)
        self.assertTrue(ran.stdout == data)
        session = stack.session_of("cat # over TLS")
        self.assertEqual(stack.gatetape("verify", session).returncode, 0)
        for stream in ("in", "out"):
            kept = stack.gatetape("export", session, "-o", "raw", "--stream", stream).stdout
            self.assertTrue(kept == data, stream)
        peers = [line["peer"] for line in self.streams()]
        self.assertTrue(all("127.0.0.1" in peer for peer in peers[-2:]), peers)  # auditd's too

    def test_a_gateway_with_a_certificate_of_another_authority_records_nothing(self):
        streams = len(self.streams())
        for name, section in (("the recorder refuses it", tls_section("foreign", "gateway", "tls")),
                              ("it refuses the recorder", tls_section("tls", "gateway", "foreign")),
                              ("both refuse", tls_section("foreign", "gateway"))):
            with self.subTest(name):
                self.refused_over_tls(section)
        self.assertEqual(len(self.streams()), streams)
        self.passes(stack.jump(), "the right one still works")

    def test_a_certificate_of_the_authority_with_another_role_is_of_no_use(self):
        streams = len(self.streams())
        for part, told in (("auditd", "has the role gatetape:auditd"),
                           ("recorder", "has the role gatetape:recorder"),
                           ("roleless", "names no role of gatetape"),
                           ("janitor", "unknown role: `janitor`")):
            with self.subTest(part):
                stack.runner.write_config("role.toml", tls_section("tls", part))
                ran = harness.run([f"{harness.BIN}/gatetape-gateway", "--config",
                                   f"{stack.dir}/role.toml"])
                self.assertEqual(ran.returncode, 1)
                self.assertEqual(len(ran.stderr.splitlines()), 1, ran.stderr)
                self.assertIn(f"{stack.dir}/tls/{part}.pem: the certificate ", ran.stderr.decode())
                self.assertIn(told, ran.stderr.decode())
        self.assertEqual(len(self.streams()), streams)

    def test_the_line_for_known_hosts_vouches_for_the_targets_alone(self):
        line = stack.gatetape("ca", "--host").stdout.decode()
        self.assertEqual(line.split(" ")[:2],
                         ["@cert-authority", "127.0.0.1,changed,gone,keyed,liar,web"])

    def streams(self):
        return [line for line in stack.log("recorder") if line["event"] == "stream_opened"]

    def refused_over_tls(self, section):
        port = harness.free_port()
        stack.runner.write_config("other.toml", section)
        path = f"{stack.dir}/other.toml"
        harness.write(path, harness.read(path).replace(f":{stack.port}\"", f":{port}\""))
        other = runners.Daemon(
            [harness.program_for_all("gatetape-gateway"), "--config", path],
            stack.account("gateway"), f"{stack.dir}/log/other.log",
            lambda: harness.can_connect(port))
        other.start()
        self.addCleanup(other.stop)
        words = [str(port) if word == str(stack.port) else word
                 for word in stack.direct("-o", "StrictHostKeyChecking=no")]
        ran = harness.run([*words, "echo unrecorded"])
        self.assertEqual(ran.stdout, b"")
        self.assertIn(b"recording is not available", ran.stderr)
        other.stop()
        self.assertNotIn("recorder_connected", {line["event"] for line in stack.log("other")})


if __name__ == "__main__":
    unittest.main()
