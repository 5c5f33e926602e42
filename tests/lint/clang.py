"""clang's warnings (thread safety included) and clang-tidy's checks, over every file of ours that
is compiled. What passed is remembered in build/lint by the hash of all that its verdict depends on,
so a second run looks only at what changed.

usage: clang.py BUILD_FOLDER"""

import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess
import sys

import tree

CACHE = os.path.join(tree.ROOT, "build", "lint")
TIDY = shutil.which("clang-tidy-14") or "clang-tidy"


def included(path, seen):
    """Adds the project's files that `path` is compiled with to `seen`."""
    if path in seen or not os.path.exists(os.path.join(tree.ROOT, path)):
        return
    seen.add(path)
    for what in tree.INCLUDE.findall(tree.read(path)):
        included(what, seen)


def fingerprint(path, command):
    """The hash of what the verdict on one file depends on."""
    seen = set()
    included(path, seen)
    parts = sorted(seen) + [".clang-tidy", "tests/.clang-tidy"]
    parts += [name for name in tree.files() if name.endswith(".proto")]
    text = "\0".join([path, command] + parts + [tree.read(part) for part in parts])
    return hashlib.sha256(text.encode()).hexdigest()


def check(build, path):
    """Runs clang-tidy on one file; gives what it said, nothing when the file is good."""
    ran = subprocess.run(["nice", TIDY, "-p", build, "--quiet", os.path.join(tree.ROOT, path)],
                         capture_output=True, text=True, check=False)
    return ran.stdout + ran.stderr if ran.returncode else ""


def work(build):
    """(path, mark) of every file that is not known to be good; the mark is made when it is."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    for entry in entries:
        path = os.path.relpath(entry["file"], tree.ROOT)
        if path.startswith("build/") or not path.endswith(".cc"):
            continue
        command = entry["command"].replace(build, "").replace(tree.ROOT, "")
        mark = os.path.join(CACHE, fingerprint(path, command))
        if not os.path.exists(mark):
            yield path, mark


def main():
    build = os.path.abspath(sys.argv[1])
    os.makedirs(CACHE, exist_ok=True)
    todo = dict(work(build))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {pool.submit(check, build, path): path for path in todo}
        for done in concurrent.futures.as_completed(runs):
            if done.result():
                failed += 1
                print(done.result(), flush=True)
            else:
                with open(todo[runs[done]], "w", encoding="utf-8"):
                    pass
    print(f"clang: {len(todo)} files looked at, {failed} with problems")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
