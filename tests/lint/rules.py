"""The rules of CONVENTIONS.md that a program can check. Each rule accepts a path and a text and
yields problems, "path:line: what". main() runs every rule over the tree, prints the figures of
measures.py, and fails when there is a problem.

usage: rules.py [compile_commands.json]"""

import json
import os
import re
import sys

import measures
import tree

LINES_MAX = 400
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
# The least number of CHECKs per function in each folder of the write path. measures.py says which
# CHECKs count. A folder without a limit is only reported.
CHECKS_PER_FUNCTION_MIN = {
    "tee": 0.5, "gateway/session": 0.5, "recorder": 0.5,
    "gateway/ssh": 0.2, "base/db": 0.4, "record": None,
}

# What each folder may include besides itself (docs/ARCHITECTURE.md, "Folders"). A folder is named
# by at most two levels; folders that are not listed (tests) may include everything.
SHARED = ("base", "base/os", "formats", "record", "log", "policy")
MAY_INCLUDE = {
    "base": (),
    "base/os": ("base",),
    "base/db": ("base", "base/os"),
    "formats": ("base",),
    "record": ("base", "formats"),
    "log": ("base", "record"),
    "log/db": ("base", "base/os", "base/db", "record", "log"),
    "bundle": ("base", "formats", "record", "log"),
    "policy": ("base", "base/os", "formats"),
    "tee": ("base", "base/os", "record"),
    "gateway/session": ("base", "formats", "record", "policy", "tee"),
    "gateway": SHARED + ("tee", "gateway/session"),
    "gateway/reach": ("base", "base/os", "gateway"),
    "gateway/ssh": SHARED + ("tee", "gateway", "gateway/session", "gateway/reach"),
    "recorder": SHARED + ("base/db", "log/db"),
    "witness": ("base", "base/os", "log"),
    "auditd/read": ("base", "base/os", "base/db", "record"),
    "auditd/query": SHARED + ("base/db", "auditd/read"),
    "auditd/verify": SHARED + ("base/db", "log/db", "auditd/read"),
    "auditd/seal": SHARED + ("base/db", "log/db"),
    "auditd/bundle": SHARED + ("base/db", "log/db", "bundle", "auditd/read", "auditd/verify"),
    "auditd": SHARED + ("base/db", "log/db", "bundle", "tee", "auditd/read", "auditd/query",
                        "auditd/verify", "auditd/seal", "auditd/bundle"),
    "client": SHARED + ("bundle",),
    "tools/stack": SHARED + ("base/db", "client"),
    "tools/cli": SHARED + ("base/db", "bundle", "client", "tools/stack"),
}
# The main file of a daemon wires all of its folders together.
PROGRAMS = {"gateway/main.cc": ("gateway/reach", "gateway/ssh")}

# A heavy library (a pattern of its headers) and its doors (a pattern of the files that may include
# them).
DOORS = (
    (r"cstdio|iostream|stdio\.h",
     r"base/(check|crypto)$|base/os/(daemon|replace_file)$|witness/main$|client/|tools/"),
    (r"libssh/", r"gateway/ssh/|gateway/main$"),
    (r"ares\.h", r"gateway/reach/ares_names$"),
    (r"libpq-fe\.h|libpq/|pqxx/", r"base/db/"),
    (r"toml\+\+/", r"base/toml$"),
    (r"utf8proc", r"base/utf8$"),
    (r"grpcpp/|.*\.grpc\.pb\.h",
     r"base/os/(unix_listener|record_channel|grpc_values)$|tee/record_link$"
     r"|recorder/(service|stream|main)$|auditd/(service|service_export|frame_stream|main)$"
     r"|client/(audit_client|frame_feed)$|tools/cli/recorder_health$"),
    (r"openssl/", r"base/(crypto|seal)$|base/os/tls_files$|tools/cli/x509$"),
    (r"zstd", r"record/batch$"),
    (r"spdlog/", r"base/os/daemon$"),
    (r"systemd/", r"base/os/daemon$"),
    (r"seccomp\.h", r"base/os/confine$"),
    (r"prometheus/", r"base/os/metrics$"),
    (r"curl/", r"base/os/http_client$"),
    (r"boost/", r"base/os/http_server$"),
    (r"CLI/", r"tools/cli/(main|verb_\w+)$"),
    (r"nlohmann/", r"record/derived$|auditd/verify/derived_check$|client/|tools/"),
)

CODE_IN_COMMENT = re.compile(
    r"^\s*//\s*(#\s*(include|define|ifdef|endif)\b.*|(if|for|while|switch) ?\(.*[{;]|\}"
    r"|(return|auto|const|std::)\b[^.]*[;{]|[\w:.>-]+(\(.*\)|\s*=[^=].*);)\s*$")
PATH_OF_A_MACHINE = re.compile(r"(?<![\w.])/(work|root|home/\w+)/")
LEFT_OVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
# The clock itself, and the timed waits that it times.
WALL_CLOCK = re.compile(
    r"\bchrono::system_clock\b|\bCLOCK_REALTIME\b|\babsl::Now\b|\bGPR_CLOCK_REALTIME\b"
    r"|\b(Await|Lock\w*|Wait\w*)With(Timeout|Deadline)\b")
NAMESPACE = re.compile(r"^namespace (gatetape[\w:]*) \{$", re.M)
SWITCH = re.compile(r"\bswitch\s*\([^{]*\{")


def folder_of(path):
    """Returns the folder of a file as MAY_INCLUDE names it, or None for a folder without a rule."""
    folder = os.path.dirname(path)
    return folder if folder in MAY_INCLUDE else None


def includes(path, text):
    folder = folder_of(path)
    if folder is None:
        return
    allowed = MAY_INCLUDE[folder] + PROGRAMS.get(path, ()) + (folder,)
    stem = path.rsplit(".", 1)[0]
    for match in tree.INCLUDE.finditer(text):
        what = match.group(1)
        line = text.count("\n", 0, match.start(1)) + 1
        other = folder_of(what)
        if other is not None and other not in allowed:
            yield f"{path}:{line}: {folder}/ must not include {other}/ ({what})"
        for library, doors in DOORS:
            if re.match(library, what) and not re.match(doors, stem):
                yield f"{path}:{line}: {what} is not included here: its doors are {doors}"


def sizes(path, text):
    lines = text.split("\n")
    if len(lines) - 1 > LINES_MAX and not path.endswith(".md"):
        yield f"{path}:{LINES_MAX}: {len(lines) - 1} lines, more than {LINES_MAX}"
    if not path.endswith((".cc", ".h", ".py", ".sh")):
        return
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and "#include" not in line:
            yield f"{path}:{number}: {len(line)} columns, more than {COLUMNS_MAX}"
    if path.endswith((".cc", ".h")):
        for first, length in measures.functions(text):
            if length > FUNCTION_LINES_MAX:
                yield f"{path}:{first}: a function of {length} lines, not {FUNCTION_LINES_MAX}"


def whitespace(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        # An empty line of context in a patch is one space.
        if line != line.rstrip() and not (line == " " and path.endswith(".patch")):
            yield f"{path}:{number}: space at the end of the line"
        if "\t" in line and not path.startswith("docs/man/"):
            yield f"{path}:{number}: a tab"
    if text and not text.endswith("\n"):
        yield f"{path}: no newline at the end"


def words(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if PATH_OF_A_MACHINE.search(line):
            yield f"{path}:{number}: a path of one machine"
        if LEFT_OVER.search(line) and path != "CONVENTIONS.md":
            yield f"{path}:{number}: left over: {LEFT_OVER.search(line).group(0)}"
        if path.endswith((".cc", ".h")) and CODE_IN_COMMENT.match(line):
            yield f"{path}:{number}: commented-out code"


def headers(path, text):
    if path.endswith(".h"):
        if not text.startswith("// "):
            yield f"{path}:1: a header opens with a paragraph about what it is"
        if "#pragma once" not in text:
            yield f"{path}:1: no #pragma once"


def frame_kinds(path, text):
    """A switch over FrameKind lists every kind: a new kind is a compile error until someone has
    thought about it."""
    if not path.endswith((".cc", ".h")):
        return
    code = measures.without_comments_and_strings(text)
    for match in SWITCH.finditer(code):
        body = measures.enclosed(code, match.end() - 1, "{}")
        if re.search(r"\bcase FrameKind::", body) and re.search(r"\bdefault\s*:", body):
            line = code.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: a switch over FrameKind with a default"


def clocks(path, text):
    """Time comes from Clock, and no wait is timed by the wall clock: a wall clock that is set back
    prolongs such a wait, and one that is set forward ends it. Deadlines of gRPC are made by
    grpc_deadline, and other timed waits are those of base/os/pause.h."""
    if not path.endswith((".cc", ".h")) or path.startswith(("tests/", "base/clock.")):
        return
    code = measures.without_comments_and_strings(text)
    for match in WALL_CLOCK.finditer(code):
        line = code.count("\n", 0, match.start()) + 1
        yield f"{path}:{line}: {match.group(0)} depends on the wall clock"


def namespaces(path, text):
    """The namespace of a top-level folder has its name. The folders that all others may include
    (SHARED), and bundle, share gatetape."""
    if folder_of(path) is None or not path.endswith((".cc", ".h")):
        return
    top = path.split("/")[0]
    wanted = "gatetape" if top in (*SHARED, "bundle") else f"gatetape::{top}"
    if wanted not in NAMESPACE.findall(text):
        yield f"{path}:1: its code is not in the namespace {wanted}"


RULES = (includes, sizes, whitespace, words, headers, frame_kinds, clocks, namespaces)


def densities(texts):
    """The write path has its CHECKs."""
    for folder, least in CHECKS_PER_FUNCTION_MIN.items():
        checks, functions = measures.density(folder, texts)
        if least is not None and checks < least * functions:
            yield f"{folder}/: {checks} CHECKs for {functions} functions, less than {least} each"


def targets(compiled):
    """Every .cc file belongs to a target. `compiled` holds the paths of the files that do."""
    for path in tree.sources():
        if path.endswith(".cc") and path not in compiled:
            yield f"{path}: belongs to no target"


def main():
    problems = [problem for path, text in tree.texts() for rule in RULES
                for problem in rule(path, text)]
    texts = measures.product_texts()
    problems += densities(texts)
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as file:
            compiled = {os.path.relpath(entry["file"], tree.ROOT) for entry in json.load(file)}
        problems += targets(compiled)
    print("\n".join(measures.report(CHECKS_PER_FUNCTION_MIN, texts)))
    print("\n".join(problems) or "rules: ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
