"""The groups of tests that tools/test runs one after the other, their budgets, and the judgement.
This module is pure: run.py runs ctest and prints."""

import dataclasses
import xml.etree.ElementTree

SLOWEST = 20
TOLERANCE = 1.5  # A group that needs more than its budget times this number fails the run.


@dataclasses.dataclass(frozen=True)
class Group:
    """Tests with one of `labels`, and the minutes that they may take in the quick tier. A group
    without labels is a step of tools/test itself."""
    name: str
    minutes: float
    labels: tuple = ()

    def label_pattern(self):
        """Returns the argument of `ctest -L` that selects this group."""
        return f"^({'|'.join(self.labels)})$"


GROUPS = (
    Group("packages", 5),
    Group("build", 13),
    Group("lint", 5, ("lint",)),
    Group("unit, sim, fault, fuzz, mutants", 6, ("unit", "sim", "fault", "fuzz", "mutants")),
    Group("e2e", 12, ("e2e",)),
    Group("page", 3, ("page",)),
)


def test_times(junit_text):
    """Returns [(seconds, test name)] from the text of a JUnit file that ctest wrote."""
    root = xml.etree.ElementTree.fromstring(junit_text)
    return [(float(case.get("time", "0")), case.get("name")) for case in root.iter("testcase")]


def slowest(times):
    """Returns the slowest tests, the slowest first."""
    return sorted(times, reverse=True)[:SLOWEST]


def over_budget(spent_s):
    """Returns the groups that took more than TOLERANCE times their budget. `spent_s` maps the name
    of a group to its wall time in seconds; a group that did not run is missing."""
    return [group for group in GROUPS
            if spent_s.get(group.name, 0) > TOLERANCE * 60 * group.minutes]


def unknown_labels(labels):
    """Returns the labels of tests that no group runs."""
    known = {label for group in GROUPS for label in group.labels}
    return sorted(set(labels) - known)


def report(tier, spent_s, times):
    """Returns the lines that tools/test prints at its end."""
    lines = [f"{'group':<34}{'minutes':>8}{'budget':>8}"]
    for group in GROUPS:
        if group.name in spent_s:
            budget = f"{group.minutes:g}" if tier == "quick" else "-"
            lines.append(f"{group.name:<34}{spent_s[group.name] / 60:>8.1f}{budget:>8}")
    total_min = sum(spent_s.values()) / 60
    lines.append(f"{'all':<34}{total_min:>8.1f}")
    lines.append(f"the slowest {SLOWEST} tests, in seconds:")
    lines += [f"{seconds:>8.1f}  {name}" for seconds, name in slowest(times)]
    return lines
