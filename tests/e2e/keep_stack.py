#!/usr/bin/python3 -B
"""Starts the stack of the end-to-end tests and opens a shell in its folder, in which stock clients
and gatetape reach the stack. The stack ends with the shell.

usage: keep_stack.py [COMMAND ARGUMENT...]    without a command: $SHELL, which may read a pipe"""

import os
import subprocess
import sys

import harness

HELP = """\
The stack is in {folder}; its users are alice, bob and carol, its target is web.
  ssh -F alice.conf -J gw "$LOGIN@web"      a session through the gateway
  gatetape ls                               what was recorded
  ls state/log                              the logs of the daemons
The stack ends with this shell.
"""


def main():
    stack = harness.Stack()
    try:
        environment = {**os.environ, "LOGIN": harness.LOGIN, "GATETAPE_DIR": stack.dir,
                       "PATH": f"{os.path.abspath(harness.BIN)}:{os.environ['PATH']}"}
        print(HELP.format(folder=stack.folder), file=sys.stderr, flush=True)
        command = sys.argv[1:] or [os.environ.get("SHELL") or "sh"]
        return subprocess.run(command, cwd=stack.folder, env=environment, check=False).returncode
    finally:
        stack.close()


if __name__ == "__main__":
    sys.exit(main())
