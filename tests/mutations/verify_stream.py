"""Verifies a stream of bundles (README) with tools/verify_bundle.py, which knows no streams.

usage: verify_stream.py STREAM KEYS"""

import os
import sys

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools")
sys.path.insert(0, TOOLS)
import verify_bundle  # noqa: E402


def bundles_of(stream):
    """Yields the bundles of a stream."""
    while header := stream.read(8):
        yield stream.read(int.from_bytes(header, "big"))


def main():
    with open(sys.argv[2], "rb") as file:
        keys = verify_bundle.given_keys(file.read())
    with open(sys.argv[1], "rb") as stream:
        for number, bundle in enumerate(bundles_of(stream)):
            code, rows = verify_bundle.judge(bundle, keys)
            print(number, *(f"{name} {verdict}" for name, verdict, _ in rows), code)


if __name__ == "__main__":
    main()
