"""Runs an end-to-end test on a broken program (GATETAPE_BIN) and succeeds when that test fails. A
stack that does not start at all proves nothing, so it counts as a survivor.

usage: mutant_dies.py NAME [CLASS.METHOD]    NAME_test.py of this folder, or one method of it"""

import os
import re
import signal
import subprocess
import sys

LIMIT_S = 480  # A mutant may also die by making its test hang.
HERE = os.path.dirname(os.path.abspath(__file__))
# What unittest prints for a method that failed. A failure of setUpModule has another form.
FAILED = re.compile(r"^(?:FAIL|ERROR): (test_\w+) ", re.M)


def output_of(command):
    """Runs a command; returns (what it printed, whether it took too long)."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        try:
            return process.communicate(timeout=LIMIT_S)[0], False
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # so that it stops the stack that it started
            return process.communicate()[0], True


def verdict(output, is_late):
    """Returns (whether the mutant died, one line that says how)."""
    failed = sorted(set(FAILED.findall(output)))
    if failed:
        return True, f"died in {', '.join(failed)}"
    if is_late:
        return True, f"died: the test did not end within {LIMIT_S} s"
    return False, "SURVIVED: no test method failed"


def main():
    name, *methods = sys.argv[1:]
    output, is_late = output_of([sys.executable, "-B", f"{HERE}/{name}_test.py", *methods])
    died, how = verdict(output, is_late)
    print(output)
    print(f"{os.path.basename(os.environ['GATETAPE_BIN'])}: {how}")
    return 0 if died else 1


if __name__ == "__main__":
    sys.exit(main())
