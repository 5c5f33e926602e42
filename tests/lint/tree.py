"""The files of the project, which the linters check."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ("base", "proto", "formats", "record", "log", "bundle", "policy", "tee", "gateway",
           "recorder", "auditd", "client", "tools", "tests", "migrations", "docs", "cmake", ".ci",
           "packaging")
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.M)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def files():
    """Returns every file of the project, as a sorted list of paths relative to the top."""
    found = [name for name in os.listdir(ROOT) if os.path.isfile(os.path.join(ROOT, name))]
    for folder in FOLDERS:
        for where, folders, names in os.walk(os.path.join(ROOT, folder)):
            folders[:] = [name for name in folders if name not in ("__pycache__", "corpus")]
            found += [os.path.relpath(os.path.join(where, name), ROOT) for name in names]
    return sorted(name for name in found if name != ".git")


def sources():
    """Returns every C++ file of the project."""
    return [path for path in files() if path.endswith((".cc", ".h"))]


def texts():
    """Yields (path, text) of every file that is text."""
    for path in files():
        try:
            yield path, read(path)
        except UnicodeDecodeError:
            continue
