"""Mutated bundles (README): each is rejected, and two verifiers say the same about each of them
and about as many bundles whose texts were edited at random.

usage: mutations_test.py PROGRAM [COUNT [SEED]]"""

import itertools
import os
import subprocess
import sys
import tempfile

COUNT = {"full": 10_000}.get(os.environ.get("GATETAPE_TIER"), 300)
PROVEN = "0"
HERE = os.path.dirname(os.path.abspath(__file__))


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          timeout=1700).stdout.splitlines()


def python(script, *arguments):
    return [sys.executable, "-B", os.path.join(HERE, script), *arguments]


def both_verdicts(program, stream, keys):
    """Returns the lines of one verifier, and where those of the other differ from them."""
    ours = run([program, "verify", stream, keys])
    others = run(python("verify_stream.py", stream, keys))
    return ours, [f"the verifiers differ in {stream}:\n{one}\n{other}"
                  for one, other in itertools.zip_longest(ours, others) if one != other]


def problems(made, verdicts):
    """Yields what is wrong. `made` are the lines of `write`, and `verdicts` those of `verify`. The
    first bundles are the seeds, which nothing was done to."""
    seeds = {}
    for line, verdict in zip(made, verdicts):
        number, word, what, _, seed = line.split(" ")
        _, words = verdict.split(" ", 1)
        if what == "nothing":
            seeds[seed] = words
            if (word == "bad") == words.endswith(PROVEN):
                yield f"{line}: {words}"
        elif word == "bad" and (words.endswith(PROVEN) or words == seeds[seed]):
            yield f"{line}: accepted, or the same is said as of its seed: {words}"
        assert number == verdict.split(" ")[0]


def main():
    program = sys.argv[1]
    count = sys.argv[2] if len(sys.argv) > 2 else str(COUNT)
    seed = sys.argv[3] if len(sys.argv) > 3 else str(int.from_bytes(os.urandom(4), "big"))
    print(f"{count} bundles of seed {seed}")
    with tempfile.TemporaryDirectory() as folder:
        stream, keys = os.path.join(folder, "bundles"), os.path.join(folder, "keys")
        made = run([program, "write", count, seed, stream, keys])
        verdicts, found = both_verdicts(program, stream, keys)
        seeds = sum(line.split(" ")[2] == "nothing" for line in made)
        edited = os.path.join(folder, "edited")
        run(python("edited_bundles.py", stream, str(seeds), count, seed, edited))
        edited_verdicts, found_of_edited = both_verdicts(program, edited, keys)
    assert len(made) == len(verdicts) == len(edited_verdicts) == int(count), len(verdicts)
    found += [*found_of_edited, *problems(made, verdicts)]
    print("\n".join(found[:20]))
    kinds = {line.split(" ")[2] for line in made}
    print(f"{len(kinds)} kinds of changes, {len(found)} problems")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
