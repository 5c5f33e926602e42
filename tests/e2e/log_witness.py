"""gatetape-witness as a process of a test. (witness.py is another thing: an observer of bytes.)"""

import json
import os
import signal
import subprocess

import machine
from machine import BIN, run, wait_until


class Witness:
    """gatetape-witness in a folder of its own, with curl as its client."""

    def __init__(self, path, log_vkey, tls=False):
        os.makedirs(f"{path}/state")
        self.path, self.port, self.process = path, machine.free_port(), None
        ran = run([f"{BIN}/gatetape-witness", "--make-key", f"{path}/w.pem", "witness.example/w1"])
        assert ran.returncode == 0, ran.stderr
        self.vkey = ran.stdout.decode().strip()
        self.curl = ["curl", "-sS", "--noproxy", "*"]
        lines = [f'name = "witness.example/w1"\nkey = "w.pem"\nlisten = "127.0.0.1:{self.port}"',
                 'state_dir = "state"']
        self.url = f"http://127.0.0.1:{self.port}"
        if tls:
            run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=w",
                 "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{path}/tls.key",
                 "-out", f"{path}/tls.pem"])
            lines.append('[tls]\ncertificate = "tls.pem"\nkey = "tls.key"')
            self.url = f"https://127.0.0.1:{self.port}"
            self.curl += ["--cacert", f"{path}/tls.pem"]
        lines.append(f'[[log]]\nkeys = ["{log_vkey}"]')
        with open(f"{path}/witness.toml", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def begin(self):
        """Starts the process without waiting for it."""
        with open(f"{self.path}/log", "ab") as log:
            return subprocess.Popen(
                [f"{BIN}/gatetape-witness", "--config", f"{self.path}/witness.toml"], stderr=log)

    def start(self):
        self.process = self.begin()
        wait_until(lambda: machine.can_connect(self.port), "the witness listens")
        return self

    def stop(self, with_signal=signal.SIGTERM):
        self.process.send_signal(with_signal)
        return self.process.wait(30)

    def ask(self, path="/add-checkpoint", body=None):
        """Returns (status, content type, body) of the answer to curl."""
        words = [*self.curl, "-w", "\\n%{http_code} %{content_type}", f"{self.url}{path}"]
        if body is not None:
            words += ["--data-binary", "@-"]
        ran = run(words, input=(body or "").encode())
        assert ran.returncode == 0, ran.stderr
        answer, _, facts = ran.stdout.decode().rpartition("\n")
        status, _, content_type = facts.partition(" ")
        return int(status), content_type, answer

    def add(self, log, old, size):
        return self.ask(body=log.request(old, size))

    def events(self):
        with open(f"{self.path}/log", encoding="utf-8") as file:
            return [json.loads(line) for line in file]
