"""Runs every command line of HACKING.md against the folder build/release, in the order of the page.
A command line is a line of a block that begins with ```sh.

usage: hacking.py"""

import os
import re
import subprocess
import sys
import tempfile
import time

import tree

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
LIMIT_S = 300


def command_lines(page):
    """Returns the command lines of a page."""
    return [line for block in BLOCK.findall(page) for line in block.splitlines() if line.strip()]


def run(line, folder):
    """Runs one command line; returns its exit code and what it printed."""
    # SHELL: the shell that a command opens ends at once, because its input is empty.
    environment = {**os.environ, "REPOSITORY": tree.ROOT, "SHELL": "sh"}
    ran = subprocess.run(["bash", "-c", line], cwd=folder, env=environment, timeout=LIMIT_S,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    return ran.returncode, ran.stdout.decode(errors="replace")


def main():
    lines = command_lines(tree.read("HACKING.md"))
    failed = 0
    with tempfile.TemporaryDirectory() as elsewhere:
        for line in lines:
            clones = line.startswith("git clone")
            if clones and not os.path.exists(os.path.join(tree.ROOT, ".git")):
                continue  # These are the files of a release, without a repository.
            started = time.monotonic()
            code, output = run(line, elsewhere if clones else tree.ROOT)
            print(f"{time.monotonic() - started:6.1f} s, exit {code}: {line}", flush=True)
            if code != 0:
                failed += 1
                print(output)
    print(f"HACKING.md: {len(lines)} command lines, {failed} failed")
    return 1 if failed or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
