"""Mutated bundles (README): each is rejected, and two verifiers say the same about each of them.

usage: mutations_test.py PROGRAM [COUNT [SEED]]"""

import itertools
import os
import subprocess
import sys
import tempfile

COUNT = {"full": 10_000}.get(os.environ.get("GATETAPE_TIER"), 300)
PROVEN = "0"
OTHER_VERIFIER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "verify_stream.py")


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          timeout=1700).stdout.splitlines()


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
        verdicts = run([program, "verify", stream, keys])
        others = run([sys.executable, "-B", OTHER_VERIFIER, stream, keys])
    assert len(made) == len(verdicts) == int(count), (len(made), len(verdicts))
    found = list(problems(made, verdicts))
    found += [f"the verifiers differ:\n{line}\n{one}\n{other}" for line, one, other
              in itertools.zip_longest(made, verdicts, others) if one != other]
    print("\n".join(found[:20]))
    kinds = {line.split(" ")[2] for line in made}
    print(f"{len(kinds)} kinds of changes, {len(found)} problems")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
