"""Runs the groups of tests of a tier one after the other, prints the wall time of each group and
the slowest tests, and fails when a test fails or, in the quick tier, when a group passes its budget
by half.

usage: run.py quick|full --build FOLDER --jobs N [--spent GROUP=SECONDS]..."""

import argparse
import json
import os
import subprocess
import sys
import time

import groups


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tier", choices=("quick", "full"), help="also the name of a test preset")
    parser.add_argument("--build", required=True)
    parser.add_argument("--jobs", required=True)
    parser.add_argument("--spent", action="append", default=[], metavar="GROUP=SECONDS")
    return parser.parse_args()


def listed(tier, *more):
    """Returns what ctest knows of the selected tests, without running them."""
    ran = subprocess.run(["ctest", "--preset", tier, "--show-only=json-v1", *more],
                         capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)["tests"]


def labels_of(tests):
    """Returns every label that a test has; a test without a label has the label ""."""
    found = set()
    for test in tests:
        properties = {one["name"]: one["value"] for one in test.get("properties", [])}
        found |= set(properties.get("LABELS") or [""])
    return found


def run_group(group, options):
    """Runs the tests of one group; returns (passed, seconds, test times)."""
    junit = os.path.abspath(f"{options.build}/Testing/{group.labels[0]}.xml")
    started = time.monotonic()
    ran = subprocess.run(["ctest", "--preset", options.tier, "-L", group.label_pattern(), "-j",
                          options.jobs, "--output-junit", junit], check=False)
    seconds = time.monotonic() - started
    with open(junit, encoding="utf-8") as file:
        return ran.returncode == 0, seconds, groups.test_times(file.read())


def main():
    options = arguments()
    spent_s = {name: float(seconds)
               for name, seconds in (one.split("=") for one in options.spent)}
    failed, times = [], []
    for label in groups.unknown_labels(labels_of(listed(options.tier))):
        failed.append(f"no group runs the tests with the label '{label}'")
    for group in groups.GROUPS:
        if not group.labels:
            continue
        if not listed(options.tier, "-L", group.label_pattern()):
            if group.name != "page":  # there is no page yet
                failed.append(f"{group.name}: it has no test")
            continue
        print(f"== {group.name}", flush=True)
        passed, spent_s[group.name], more = run_group(group, options)
        times += more
        if not passed:
            failed.append(f"{group.name}: tests failed, see above")
    print("\n".join(groups.report(options.tier, spent_s, times)))
    if options.tier == "quick":
        failed += [f"{group.name}: {spent_s[group.name] / 60:.1f} minutes, the budget is "
                   f"{group.minutes:g}" for group in groups.over_budget(spent_s)]
    print("\n".join(f"FAILED: {why}" for why in failed) or f"{options.tier} tier: all tests passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
