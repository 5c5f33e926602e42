"""Figures about the C++ code: sizes of files and functions, and CHECKs per function."""

import re
import statistics

import tree

CONTROL = re.compile(r"^\s*(if|for|while|switch|do|else|catch|try)\b")
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$")
CHECK = re.compile(r"\bCHECK\s*\(")
# A pointer that is tested before it is read proves nothing about the state of the program.
IS_POINTER_TEST = re.compile(r"[\w.:]+(->\w+)*|[^&|]*!= ?nullptr|nullptr ?!=[^&|]*")


def without_comments_and_strings(text):
    """Returns the same number of lines without anything that only looks like code."""
    pattern = re.compile(r'R"(\w*)\((.*?)\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'
                         r"'(?:\\.|[^'\\\n])'", re.S)
    return pattern.sub(lambda match: "\n" * match.group(0).count("\n") or " ", text)


def functions(text):
    """Yields (first line, number of lines) of every function body, the last line of its signature
    included. A lambda is part of the function that it is in."""
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


def enclosed(code, start, pair):
    """Returns the text between the bracket at `start` and the one that closes it; `pair` is both
    brackets."""
    depth = 0
    for at in range(start, len(code)):
        depth += (code[at] == pair[0]) - (code[at] == pair[1])
        if depth == 0:
            return code[start + 1:at]
    return code[start + 1:]


def first_argument(arguments):
    """Returns the part of a macro's arguments before the first comma outside of brackets."""
    depth = 0
    for at, char in enumerate(arguments):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            return arguments[:at]
    return arguments


def check_conditions(text):
    """Returns the conditions of the CHECKs in a file that count: each condition once, and none that
    only tests a pointer or a flag by its name."""
    code = without_comments_and_strings(text)
    found = (first_argument(enclosed(code, match.end() - 1, "()"))
             for match in CHECK.finditer(code))
    conditions = {" ".join(condition.split()) for condition in found}
    return {one for one in conditions if not IS_POINTER_TEST.fullmatch(one)}


def density(folder, texts):
    """Returns (CHECKs that count, functions) of the files that lie in a folder itself. `texts` is
    a list of (path, text)."""
    checks = bodies = 0
    for path, text in texts:
        if path.rpartition("/")[0] == folder and path.endswith((".cc", ".h")):
            checks += len(check_conditions(text))
            bodies += sum(1 for _ in functions(text))
    return checks, bodies


def sizes_of_product(texts):
    """Returns (median and largest lines of a file, median and largest lines of a function) of the
    C++ files outside of tests/, as ((median, largest, where), (median, largest, where))."""
    files, bodies = [], []
    for path, text in texts:
        if path.endswith((".cc", ".h")) and not path.startswith("tests/"):
            files.append((text.count("\n"), path))
            bodies += [(length, f"{path}:{first}") for first, length in functions(text)]
    return tuple((statistics.median(length for length, _ in some), *max(some))
                 for some in (files, bodies))


def report(folders, texts):
    """Returns the lines that tools/lint prints about densities and sizes."""
    lines = []
    for folder in folders:
        checks, bodies = density(folder, texts)
        lines.append(f"{folder + '/':<18}{checks:>4} CHECKs in {bodies:>4} functions: "
                     f"{checks / max(bodies, 1):.2f} per function")
    for what, (median, largest, where) in zip(("file", "function"), sizes_of_product(texts)):
        lines.append(f"lines of a {what}: median {median:g}, most {largest} ({where})")
    return lines


def product_texts():
    """Returns [(path, text)] of the C++ files."""
    return [(path, tree.read(path)) for path in tree.sources()]
