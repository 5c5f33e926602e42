"""Runs clang-tidy, and with it clang's warnings (thread safety included), over the C++ sources that
are compiled. Without --all it checks the files that the last commits or the working tree changed
and the files that include them. A clone without this history is checked in full, and so is the full
tier of tests (GATETAPE_TIER=full). Without --all no check starts after QUICK_S seconds: the changed
sources come first, and what is left is for the full tier. build/lint holds a mark for each file
that passed, named by the hash of everything that the verdict depends on, so a second run checks
only what changed.

usage: clang.py BUILD_FOLDER [--all]"""

import concurrent.futures
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

import tree

CACHE = os.path.join(tree.ROOT, "build", "lint")
TIDY = shutil.which("clang-tidy-14") or "clang-tidy"
QUICK_S = 270  # The quick tier has 5 minutes for the linters.
COMMITS = 20  # How far back a changed file is checked in the quick tier.
# clang compiles without precompiled headers, so that they hide no missing include. The other flags
# are known to g++ alone.
NOT_FOR_CLANG = re.compile(
    r" -Winvalid-pch -include \S+/cmake_pch\.hxx| -fpch-preprocess"
    r"| -Wno-restrict| -Wno-stringop-\w+")


def generated_from(what):
    """Returns the .proto file from which protoc makes the header `what`, or `what` itself."""
    return re.sub(r"^(gatetape/.*?)(\.grpc)?\.pb\.h$", r"proto/\1.proto", what)


@functools.lru_cache(maxsize=None)
def includes_of(path):
    """Returns the paths that a file of the project includes, as they stand in it."""
    return tuple(generated_from(what) for what in tree.INCLUDE.findall(tree.read(path)))


def included(path, seen):
    """Adds the project's files that `path` is compiled with to `seen`, `path` among them."""
    if path in seen or not os.path.exists(os.path.join(tree.ROOT, path)):
        return
    seen.add(path)
    for what in includes_of(path):
        included(what, seen)


def parts_of(path):
    """Returns every file of the project that the verdict on one source depends on."""
    seen = set()
    included(path, seen)
    return seen | {".clang-tidy", "tests/.clang-tidy"}


def fingerprint(path, command):
    """Returns the hash of everything that the verdict on one source depends on."""
    parts = sorted(parts_of(path))
    text = "\0".join([path, command] + parts + [tree.read(part) for part in parts])
    return hashlib.sha256(text.encode()).hexdigest()


def git(*words):
    """Returns the lines that git prints, or None when git fails or this is no clone."""
    ran = subprocess.run(["git", "-C", tree.ROOT, *words], capture_output=True, text=True,
                         check=False)
    return ran.stdout.splitlines() if ran.returncode == 0 else None


def changed_files():
    """Returns the files that the last commits and the working tree changed, or None when git does
    not know. A file that only moved is not changed."""
    if git("rev-parse", "--is-shallow-repository") != ["false"]:
        return None
    commits = git("log", f"-{COMMITS}", "--no-merges", "--find-renames", "--name-status",
                  "--format=")
    uncommitted = git("status", "--porcelain", "--untracked-files=all", "--no-renames")
    if commits is None or uncommitted is None:
        return None
    rows = [line.split("\t") for line in commits if line and not line.startswith("R100")]
    return {row[-1] for row in rows} | {line[3:] for line in uncommitted}


def entries_for_clang(build):
    """Returns {path: entry of compile_commands.json}, with flags that clang understands, of every
    source of the project."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    found = {}
    for entry in entries:
        path = os.path.relpath(entry["file"], tree.ROOT)
        if not path.startswith("build/") and path.endswith(".cc"):
            found[path] = {**entry, "command": NOT_FOR_CLANG.sub("", entry["command"])}
    return found


def chosen(paths, changed):
    """Returns the sources to check: all of them, or those with a changed part, those that changed
    themselves first."""
    if changed is None:
        return list(paths)
    return sorted((path for path in paths if parts_of(path) & changed),
                  key=lambda path: path not in changed)


def work(build, entries, paths):
    """Returns {path: mark} of every source that is not known to be good; main() makes the mark."""
    todo = {}
    for path in paths:
        command = entries[path]["command"].replace(build, "").replace(tree.ROOT, "")
        mark = os.path.join(CACHE, fingerprint(path, command))
        if not os.path.exists(mark):
            todo[path] = mark
    return todo


def check(path, until):
    """Runs clang-tidy on one file; returns what it printed, "" when the file is good, or None when
    it is too late to start (`until`, in seconds of the monotonic clock; None is never)."""
    if until is not None and time.monotonic() > until:
        return None
    ran = subprocess.run(["nice", TIDY, "-p", CACHE, "--quiet", os.path.join(tree.ROOT, path)],
                         capture_output=True, text=True, check=False)
    return ran.stdout + ran.stderr if ran.returncode else ""


def main():
    build = os.path.abspath(sys.argv[1])
    everything = "--all" in sys.argv[2:] or os.environ.get("GATETAPE_TIER") == "full"
    os.makedirs(CACHE, exist_ok=True)
    entries = entries_for_clang(build)
    with open(os.path.join(CACHE, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump(list(entries.values()), file)
    paths = chosen(entries, None if everything else changed_files())
    todo = work(build, entries, paths)
    until = None if everything else time.monotonic() + QUICK_S
    failed = left = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {pool.submit(check, path, until): path for path in todo}
        for done in concurrent.futures.as_completed(runs):
            if done.result() is None:
                left += 1
            elif done.result():
                failed += 1
                print(done.result(), flush=True)
            else:
                with open(todo[runs[done]], "w", encoding="utf-8"):
                    pass
    print(f"clang: {len(paths)} of {len(entries)} sources chosen, {len(todo) - left} of them "
          f"checked now, {failed} with problems, {left} left for the full tier")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
