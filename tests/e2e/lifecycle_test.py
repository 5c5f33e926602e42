"""Stopping ends sessions in order, starting again keeps the record, and after a crash no record is
called tampered."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import unittest

import harness

stack = None


def setUpModule():
    global stack
    stack = harness.Stack()


def tearDownModule():
    stack.close_covered()


class Lifecycle(unittest.TestCase):
    def open_session(self, command):
        """Returns the ssh process of a session after its first line of output."""
        process = subprocess.Popen([*stack.jump(), command], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"up\n")
        return process

    def verdicts(self):
        ran = stack.gatetape("verify", "--all", "-o", "json")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_stopping_ends_sessions_with_a_line_and_signs_them(self):
        process = self.open_session("echo up; cat # until the stop")
        self.assertEqual(stack.stop(), 0)
        errors = process.communicate(timeout=harness.WAIT_S)[1].decode()
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("the gateway is shutting down", errors)
        stack.start()
        session = stack.session_of("echo up; cat # until the stop", closed=False)
        self.assertEqual(len(stack.sql("select 1 from gatetape.head "
                                       f"where session_id = '{session}'")), 1)
        self.assertEqual(stack.events(session, "session_end")[0][2]["reason"], "shutdown")
        self.verdicts()

    def test_starting_again_keeps_the_record(self):
        self.assertEqual(harness.run([*stack.jump(), "echo kept"]).stdout, b"kept\n")
        session = stack.session_of("echo kept")
        self.assertEqual(stack.stop(), 0)
        stack.start()
        self.assertIn(session, [row["id"] for row in stack.query("ls")])
        self.assertEqual(harness.run([*stack.jump(), "echo and goes on"]).stdout, b"and goes on\n")
        self.verdicts()

    def test_a_gateway_that_is_killed_leaves_an_interrupted_session(self):
        process = self.open_session("echo up; cat # until the crash")
        os.kill(stack.pid("gatetape-gateway"), signal.SIGKILL)
        process.communicate(timeout=harness.WAIT_S)
        self.assertNotEqual(process.returncode, 0)
        harness.wait_until(lambda: harness.run([*stack.jump(), "echo again"]).stdout == b"again\n",
                           "the gateway is back")
        session = stack.session_of("echo up; cat # until the crash", closed=False)
        row = harness.wait_until(
            lambda: next((row for row in stack.query("ls")
                          if row["id"] == session and row["state"] != "live"), None),
            "the session is not live any more", 2 * harness.WAIT_S)
        self.assertEqual(row["state"], "interrupted")
        self.verdicts()

    def test_the_demonstration_shows_a_session_and_its_proof(self):
        ran = harness.run([f"{harness.BIN}/gatetape", "--dir", f"{stack.folder}/demo", "up",
                           "--demo", "--once", "--listen", f"127.0.0.1:{harness.free_port()}"])
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        for shown in (b"every keystroke is on record", b"$ gatetape search", b"intact"):
            self.assertIn(shown, ran.stdout)

    def test_a_start_that_fails_names_the_step_and_the_logs(self):
        folder = f"{stack.folder}/fails"
        ran = harness.run([f"{harness.BIN}/gatetape", "--dir", folder, "up", "--once",
                           "--listen", f"127.0.0.1:{stack.port}"])
        self.assertEqual(ran.returncode, 6, ran.stdout + ran.stderr)
        self.assertIn("gatetape: step 8 of 8, gateway: ", ran.stderr.decode())
        self.assertIn(f"logs are in {folder}/log", ran.stderr.decode())

    def test_two_stacks_on_one_folder_are_refused(self):
        ran = stack.gatetape("up")
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("already runs", (ran.stdout + ran.stderr).decode())

    def doctor(self, text):
        """Runs doctor until its output holds `text`, and returns that run."""
        def ask():
            ran = stack.gatetape("doctor")
            return ran if text in ran.stdout.decode() else None
        return harness.wait_until(ask, f"doctor says {text}", 2 * harness.WAIT_S)

    def test_doctor_finds_nothing_wrong_with_a_stack_that_works(self):
        ran = self.doctor("recorder records on unix:")
        self.assertEqual(ran.returncode, 0, ran.stdout)
        self.assertNotIn("FAIL", ran.stdout.decode())

    def test_doctor_without_a_stack_names_the_folders_that_it_looked_in(self):
        home = f"{stack.folder}/nobody_home"
        environment = {**os.environ, "HOME": home, "XDG_STATE_HOME": f"{home}/state"}
        environment.pop("GATETAPE_DIR", None)
        def doctor(*words):
            return harness.run([f"{harness.BIN}/gatetape", *words, "doctor"], env=environment)
        ran = doctor("--dir", f"{home}/named")
        self.assertEqual(ran.returncode, 6, ran.stdout)
        self.assertIn(f"there is no gatetape.toml in {home}/named\n", ran.stdout.decode())
        environment["GATETAPE_DIR"] = f"{home}/in_environment"
        self.assertIn(f"no gatetape.toml in {home}/in_environment\n", doctor().stdout.decode())
        del environment["GATETAPE_DIR"]
        if os.path.exists("/var/lib/gatetape/gatetape.toml"):
            self.skipTest("this machine has a stack of its own")
        ran = doctor()
        self.assertEqual(ran.returncode, 6, ran.stdout)
        for folder in ("/var/lib/gatetape", f"{home}/state/gatetape"):
            self.assertIn(folder, ran.stdout.decode())
        os.makedirs(f"{home}/state/gatetape-demo")
        shutil.copy(f"{stack.dir}/gatetape.toml", f"{home}/state/gatetape-demo")
        ran = doctor()
        self.assertEqual(ran.returncode, 6, ran.stdout)
        self.assertIn(f"run `gatetape --dir {home}/state/gatetape-demo doctor`",
                      ran.stdout.decode())

    def test_doctor_names_a_list_of_algorithms_that_excludes_curl_of_debian_12(self):
        warning = "excludes curl of Debian 12"
        self.assertNotIn(warning, stack.gatetape("doctor").stdout.decode())
        folder = f"{stack.folder}/strict"
        os.makedirs(folder)
        macs = 'macs = ["hmac-sha2-256-etm@openssh.com"]'
        stack.replace_in_config("[gateway]\n", f"[gateway]\n{macs}\n",
                                "../strict/gatetape.toml")
        ran = harness.run([f"{harness.BIN}/gatetape", "--dir", folder, "doctor"])
        self.assertIn(f"warn  `macs` {warning}", ran.stdout.decode())

    def test_doctor_sees_a_daemon_that_says_nothing(self):
        for daemon in ("recorder", "auditd"):
            pid = stack.pid(f"gatetape-{daemon}")
            os.kill(pid, signal.SIGSTOP)
            try:
                ran = stack.gatetape("doctor")
            finally:
                os.kill(pid, signal.SIGCONT)
            self.assertEqual(ran.returncode, 1, ran.stdout)
            self.assertRegex(ran.stdout.decode(), f"FAIL .*{daemon}.* says nothing for .* ms")

    def test_doctor_sees_a_recorder_without_its_database(self):
        stack.sql("alter role gatetape_recorder nologin")
        try:
            stack.sql("select pg_terminate_backend(pid) from pg_stat_activity "
                      "where usename = 'gatetape_recorder'")
            self.assertEqual(self.doctor("runs, but does not reach its database").returncode, 1)
        finally:
            stack.sql("alter role gatetape_recorder login")
        self.doctor("recorder records on unix:")

    @contextlib.contextmanager
    def configuration(self, change):
        """Changes gatetape.toml for the programs that read it within the context."""
        path = f"{stack.dir}/gatetape.toml"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(change(text))
            yield text
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def test_doctor_sees_a_key_that_auditd_does_not_trust(self):
        with self.configuration(lambda text: text.replace('"keys/gateway_sign.pub", ', "")):
            ran = self.doctor("auditd.writer_keys names no file with the public key of "
                              f"{stack.dir}/keys/gateway_sign.pem")
        self.assertEqual(ran.returncode, 1)

    def test_doctor_asks_a_recorder_over_tls(self):
        endpoint = f"localhost:{harness.free_port()}"
        tls = "[tls]\n" + "".join(f'{key} = "tls/{name}"\n' for key, name in (
            ("certificate", "recorder.pem"), ("key", "recorder.key"), ("ca", "ca.pem")))
        self.assertEqual(stack.gatetape("certs").returncode, 0)
        with self.configuration(lambda text: f'recorders = ["{endpoint}"]\n{tls}{text}') as text:
            shown = self.doctor(endpoint).stdout.decode()
            self.assertIn(f"FAIL  the recorder on {endpoint}", shown)
            with open(f"{stack.dir}/tls_recorder.toml", "w", encoding="utf-8") as file:
                file.write(tls + text.replace("[recorder]", f'[recorder]\nlisten = "{endpoint}"'))
            command = [*stack.as_account("recorder"),
                       harness.program_for_all("gatetape-recorder"),
                       "--config", f"{stack.dir}/tls_recorder.toml"]
            os.chmod(f"{stack.dir}/tls_recorder.toml", 0o644)
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                try:
                    self.doctor(f"recorder records on {endpoint}")
                finally:
                    process.terminate()
            os.rename(f"{stack.dir}/tls/recorder.key", f"{stack.dir}/tls/recorder.away")
            shown = stack.gatetape("doctor").stdout.decode()
            os.rename(f"{stack.dir}/tls/recorder.away", f"{stack.dir}/tls/recorder.key")
        self.assertIn(f"FAIL  {stack.dir}/tls/recorder.key: No such file", shown)
        self.assertIn(f"the recorder on {endpoint} was not asked", shown)

    def test_a_certificate_belongs_to_the_account_of_its_daemon(self):
        ran = stack.gatetape("certs")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        for name in ("", "/ca.key", "/ca.pem"):
            self.assertEqual(os.stat(f"{stack.dir}/tls{name}").st_uid, os.getuid(), name)
        for daemon in ("gateway", "recorder", "auditd"):
            for name in (f"{daemon}.key", f"{daemon}.pem"):
                owner = pwd.getpwuid(os.stat(f"{stack.dir}/tls/{name}").st_uid).pw_name
                self.assertEqual(owner, stack.account(daemon), name)

    def test_a_daemon_does_not_start_with_unusable_tls_files(self):
        path = f"{stack.dir}/tls_test.toml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'recorders = ["localhost:{harness.free_port()}"]\n'
                       '[tls]\ncertificate = "none.pem"\nkey = "none.key"\nca = "none.ca"\n'
                       f'[recorder]\nlisten = "localhost:{harness.free_port()}"\n'
                       '[auditd]\nlisten = "unix:run/tls_test.sock"\n')
        for daemon in ("recorder", "auditd", "gateway"):
            ran = harness.run([f"{harness.BIN}/gatetape-{daemon}", "--config", path])
            self.assertEqual(ran.returncode, 1, ran.stderr)
            self.assertEqual(len(ran.stderr.splitlines()), 1, ran.stderr)
            self.assertIn(f"{stack.dir}/none.pem: No such file", ran.stderr.decode())

    @unittest.skipIf(os.getuid() != 0, "only root can be somebody else")
    def test_who_may_not_read_the_configuration_is_denied(self):
        ran = harness.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                           f"{harness.BIN}/gatetape", "--dir", stack.dir, "ls"])
        self.assertEqual(ran.returncode, 4, ran.stderr)
        self.assertIn("you may not read", ran.stderr.decode())


if __name__ == "__main__":
    unittest.main()
