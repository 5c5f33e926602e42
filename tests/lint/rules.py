"""The project's own rules of CONVENTIONS.md. Each rule takes a path and a text and yields problems,
"path:line: what"; main() runs all of them over the tree and fails when there is one.

usage: rules.py [compile_commands.json]"""

import json
import os
import re
import sys

import tree

LINES_MAX = 400
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

# What each folder may include besides itself (docs/ARCHITECTURE.md, "Folders"). A folder is named
# by at most two levels; folders that are not listed (tests) may include everything.
SHARED = ("base", "base/os", "formats", "record", "policy")
MAY_INCLUDE = {
    "base": (),
    "base/os": ("base",),
    "base/db": ("base", "base/os"),
    "formats": ("base",),
    "record": ("base", "formats"),
    "policy": ("base", "base/os", "formats"),
    "tee": ("base", "base/os", "record"),
    "gateway/session": ("base", "formats", "record", "policy", "tee"),
    "gateway": SHARED + ("tee", "gateway/session"),
    "gateway/ssh": SHARED + ("tee", "gateway", "gateway/session"),
    "recorder": SHARED + ("base/db",),
    "auditd/read": ("base", "base/os", "base/db", "record"),
    "auditd/query": SHARED + ("base/db", "auditd/read"),
    "auditd/verify": SHARED + ("base/db", "auditd/read"),
    "auditd": SHARED + ("base/db", "tee", "auditd/read", "auditd/query", "auditd/verify"),
    "client": SHARED,
    "tools/stack": SHARED + ("base/db", "client"),
    "tools/cli": SHARED + ("base/db", "client", "tools/stack"),
}
# The program of a daemon wires all of its folders together.
PROGRAMS = {"gateway/main.cc": ("gateway/ssh",)}

# A heavy library (a pattern of what is included) and its doors (a pattern of who may).
DOORS = (
    (r"cstdio|iostream|stdio\.h",
     r"base/(check|crypto)$|base/os/(daemon|replace_file)$|client/|tools/"),
    (r"libssh/", r"gateway/ssh/|gateway/main$"),
    (r"libpq-fe\.h|libpq/|pqxx/", r"base/db/"),
    (r"toml\+\+/", r"base/toml$"),
    (r"grpcpp/|.*\.grpc\.pb\.h",
     r"base/os/(unix_listener|record_channel|grpc_values)$|tee/record_link$"
     r"|recorder/(service|stream|main)$|auditd/(service|frame_stream|main)$|client/(audit_client|frame_feed)$"
     r"|tools/cli/recorder_health$"),
    (r"openssl/", r"base/crypto$|base/os/tls_files$|tools/cli/x509$"),
    (r"zstd", r"record/batch$"),
    (r"spdlog/", r"base/os/daemon$"),
    (r"systemd/", r"base/os/daemon$"),
    (r"prometheus/", r"base/os/metrics$"),
    (r"CLI/", r"tools/cli/(main|verb_\w+)$"),
    (r"nlohmann/", r"record/derived$|auditd/verify/derived_check$|client/|tools/"),
)

CODE_IN_COMMENT = re.compile(
    r"^\s*//\s*(#\s*(include|define|ifdef|endif)\b.*|(if|for|while|switch) ?\(.*[{;]|\}"
    r"|(return|auto|const|std::)\b[^.]*[;{]|[\w:.>-]+(\(.*\)|\s*=[^=].*);)\s*$")
PATH_OF_A_MACHINE = re.compile(r"(?<![\w.])/(work|root|home/\w+)/")
LEFT_OVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
CONTROL = re.compile(r"^\s*(if|for|while|switch|do|else|catch|try)\b")
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$")


def folder_of(path):
    """The folder of a file as MAY_INCLUDE names it, None for a file that it does not rule."""
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


def without_comments_and_strings(text):
    """The same number of lines, with nothing in them that only looks like code."""
    pattern = re.compile(r'R"(\w*)\((.*?)\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'
                         r"'(?:\\.|[^'\\\n])'", re.S)
    return pattern.sub(lambda match: "\n" * match.group(0).count("\n") or " ", text)


def functions(text):
    """(first line, number of lines) of every function body, its signature's last line included.
    Lambdas are part of the function that they are in."""
    code = without_comments_and_strings(text)
    depth_of_function, stack, head, line = None, [], "", 1
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            is_function = ")" in head and not CONTROL.match(head) and not SCOPE.search(head)
            stack.append(line)
            if is_function and depth_of_function is None:
                depth_of_function = len(stack)
        elif char == "}" and stack:
            first = stack.pop()
            if depth_of_function == len(stack) + 1:
                depth_of_function = None
                yield first, line - first + 1
        head = "" if char in "{};" else head + char


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
        for first, length in functions(text):
            if length > FUNCTION_LINES_MAX:
                yield f"{path}:{first}: a function of {length} lines, not {FUNCTION_LINES_MAX}"


def whitespace(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
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


RULES = (includes, sizes, whitespace, words, headers)


def targets(compiled):
    """Every .cc is compiled by some target; `compiled` holds the paths of those that are."""
    for path in tree.sources():
        if path.endswith(".cc") and path not in compiled:
            yield f"{path}: belongs to no target"


def main():
    problems = [problem for path, text in tree.texts() for rule in RULES
                for problem in rule(path, text)]
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as file:
            compiled = {os.path.relpath(entry["file"], tree.ROOT) for entry in json.load(file)}
        problems += targets(compiled)
    print("\n".join(problems) or "rules: ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
