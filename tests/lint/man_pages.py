"""Checks that every long option in a man page is an option of its program, and that the page
describes every option of the program.

usage: man_pages.py FOLDER_OF_PROGRAMS"""

import os
import re
import subprocess
import sys

import tree

PAGES = {"gatetape": "docs/man/gatetape.1"}
PAGES.update({f"gatetape-{name}": f"docs/man/gatetape-{name}.8"
              for name in ("gateway", "recorder", "auditd", "witness")})
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
# Every program has these options, and they are explained once.
COMMON = {"--help", "--version"}


def help_of(*command):
    return subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout


def options_of(program):
    """Returns the options that the help texts of a program and of all its verbs name."""
    text = help_of(program)
    if "Subcommands:" not in text:
        return set(OPTION.findall(text))
    verbs = re.findall(r"^  ([a-z]+) ", text.split("Subcommands:")[1], re.M)
    for verb in verbs:
        below = help_of(program, verb)
        text += below
        if "Subcommands:" in below:
            for word in re.findall(r"^  ([a-z]+) ", below.split("Subcommands:")[1], re.M):
                text += help_of(program, verb, word)
    return set(OPTION.findall(text))


def main():
    problems = []
    for name, page in PAGES.items():
        told = set(OPTION.findall(tree.read(page).replace(r"\-", "-")))
        real = options_of(os.path.join(sys.argv[1], name))
        problems += [f"{page}: {name} has no {option}" for option in sorted(told - real - COMMON)]
        problems += [f"{page}: does not describe {option}"
                     for option in sorted(real - told - COMMON)]
    print("\n".join(problems) or "man pages: ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
