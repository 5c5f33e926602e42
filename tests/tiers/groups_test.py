"""The judgement of tools/test: budgets, the slowest tests, labels that no group runs."""

import unittest

import groups

JUNIT = """<?xml version="1.0"?><testsuite name="x"><testcase name="unit.a" time="0.5"/>
<testcase name="e2e.b" time="70.25"><failure/></testcase></testsuite>"""


class GroupsTest(unittest.TestCase):
    def test_times_are_read_from_the_file_of_ctest(self):
        self.assertEqual(groups.test_times(JUNIT), [(0.5, "unit.a"), (70.25, "e2e.b")])

    def test_the_slowest_come_first_and_no_more_than_twenty(self):
        times = [(number, f"t{number}") for number in range(50)]
        self.assertEqual(groups.slowest(times)[0], (49, "t49"))
        self.assertEqual(len(groups.slowest(times)), 20)

    def test_a_group_fails_when_it_passes_its_budget_by_more_than_half(self):
        for seconds, fails in ((0, False), (18 * 60, False), (18 * 60 + 1, True)):
            with self.subTest(seconds=seconds):
                over = [group.name for group in groups.over_budget({"e2e": seconds})]
                self.assertEqual(over, ["e2e"] if fails else [])

    def test_a_label_without_a_group_is_named(self):
        self.assertEqual(groups.unknown_labels({"unit", "e2e", "forgotten", ""}),
                         ["", "forgotten"])

    def test_the_report_names_groups_and_the_slowest_tests(self):
        text = "\n".join(groups.report("quick", {"build": 90, "e2e": 120}, [(70.25, "e2e.b")]))
        for words in (r"build +1\.5 +13", r"e2e +2\.0 +12", r"all +3\.5", r"70\.2  e2e\.b"):
            self.assertRegex(text, words)

    def test_budgets_add_up_to_less_than_the_limit_of_the_quick_tier(self):
        self.assertLessEqual(sum(group.minutes for group in groups.GROUPS), 45)


if __name__ == "__main__":
    unittest.main()
