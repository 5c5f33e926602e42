"""Each rule finds what it is there to find, and lets good text pass."""

import unittest
from unittest import mock

import measures
import rules

LONG_FUNCTION = "void f() {\n" + "  g();\n" * 69 + "}\n"
TWO_FUNCTIONS = "void f() {\n" + "  if (x) {\n    g();\n  }\n" * 20 + "}\n" + "void h() {\n}\n"
SWITCH = "void f() {\n  switch (kind) {\n    case %s::kEof: return;\n%s  }\n}\n"
DEFAULT = "    default: break;\n"

# rule, path, text, is good
CASES = (
    (rules.includes, "tee/a.cc", '#include "record/frame.h"\n', True),
    (rules.includes, "base/a.cc", '#include "record/frame.h"\n', False),
    (rules.includes, "record/a.cc", '#include "tee/gate.h"\n', False),
    (rules.includes, "log/a.cc", '#include "record/merkle.h"\n', True),
    (rules.includes, "log/a.cc", '#include "policy/config.h"\n', False),
    (rules.includes, "record/a.cc", '#include "log/proof.h"\n', False),
    (rules.includes, "base/os/a.cc", '#include "base/bytes.h"\n', True),
    (rules.includes, "base/a.cc", '#include "base/os/fd.h"\n', False),
    (rules.includes, "gateway/session/a.cc", '#include "gateway/loop.h"\n', False),
    (rules.includes, "gateway/a.cc", '#include "gateway/ssh/peer.h"\n', False),
    (rules.includes, "gateway/main.cc", '#include "gateway/ssh/peer.h"\n', True),
    (rules.includes, "gateway/a.cc", '#include "gateway/reach/dialer.h"\n', False),
    (rules.includes, "gateway/reach/a.cc", '#include "gateway/session/ports.h"\n', False),
    (rules.includes, "gateway/ssh/a.cc", '#include "base/db/pg.h"\n', False),
    (rules.includes, "auditd/query/a.cc", '#include "auditd/verify/verifier.h"\n', False),
    (rules.includes, "client/a.cc", '#include "tools/cli/dial.h"\n', False),
    (rules.includes, "gateway/a.cc", '#include "recorder/store.h"\n', False),
    (rules.includes, "recorder/a.cc", '#include "tee/gate.h"\n', False),
    (rules.includes, "tools/cli/a.cc", '#include "auditd/service.h"\n', False),
    (rules.includes, "tests/unit/a.cc", '#include "auditd/service.h"\n', True),
    (rules.includes, "gateway/ssh/shim.cc", "#include <libssh/libssh.h>\n", True),
    (rules.includes, "gateway/loop.cc", "#include <libssh/libssh.h>\n", False),
    (rules.includes, "recorder/pg_store.cc", "#include <libpq-fe.h>\n", False),
    (rules.includes, "policy/access.cc", "#include <toml++/toml.h>\n", False),
    (rules.includes, "tee/gate.cc", "#include <grpcpp/grpcpp.h>\n", False),
    (rules.includes, "tee/spool.cc", "#include <cstdio>\n", False),
    (rules.sizes, "base/a.cc", "int a;\n" * 400, True),
    (rules.sizes, "base/a.cc", "int a;\n" * 401, False),
    (rules.sizes, "base/a.cc", "// " + "x" * 97 + "\n", True),
    (rules.sizes, "base/a.cc", "// " + "x" * 98 + "\n", False),
    (rules.sizes, "base/a.cc", LONG_FUNCTION, False),
    (rules.sizes, "base/a.cc", "namespace a {\n" + LONG_FUNCTION + "}\n", False),
    (rules.sizes, "base/a.cc", TWO_FUNCTIONS, True),
    (rules.sizes, "base/a.cc", "namespace a {\n" + "int a;\n" * 100 + "}\n", True),
    (rules.whitespace, "base/a.cc", "int a; \n", False),
    (rules.whitespace, "base/a.cc", "\tint a;\n", False),
    (rules.whitespace, "tests/sim/mutants/a.patch", " int a;\n \n", True),
    (rules.whitespace, "tests/sim/mutants/a.patch", " int a; \n", False),
    (rules.whitespace, "base/a.cc", "int a;", False),
    (rules.namespaces, "client/a.cc", "namespace gatetape::client {\n", True),
    (rules.namespaces, "client/a.cc", "namespace gatetape {\n", False),
    (rules.namespaces, "gateway/ssh/a.h", "namespace gatetape::gateway {\n", True),
    (rules.namespaces, "base/os/a.h", "namespace gatetape {\n", True),
    (rules.namespaces, "record/a.h", "namespace gatetape::record {\n", False),
    (rules.namespaces, "tests/unit/a.cc", "int a;\n", True),
    (rules.words, "base/a.cc", "// TO" "DO: later\n", False),
    (rules.words, "docs/a.md", "see /wo" "rk/x\n", False),
    (rules.words, "base/a.cc", "// return x;\n", False),
    (rules.words, "base/a.cc", "  // close(fd);\n", False),
    (rules.words, "base/a.cc", "  // x = 3;\n", False),
    (rules.words, "base/a.cc", "// Gives the size; the caller\n// closes it;\n", True),
    (rules.headers, "base/a.h", "#pragma once\n", False),
    (rules.headers, "base/a.h", "// A thing.\n#pragma once\n", True),
    (rules.frame_kinds, "tee/a.cc", SWITCH % ("FrameKind", DEFAULT), False),
    (rules.frame_kinds, "tee/a.cc", SWITCH % ("FrameKind", ""), True),
    (rules.frame_kinds, "tee/a.cc", SWITCH % ("Color", DEFAULT), True),
    (rules.frame_kinds, "tee/a.cc",
     SWITCH % ("FrameKind", "") + SWITCH % ("Color", DEFAULT), True),
    (rules.clocks, "auditd/a.cc", "auto now = std::chrono::system_clock::now();\n", False),
    (rules.clocks, "auditd/a.cc", "changed_.WaitWithTimeout(&mutex_, absl::Seconds(1));\n", False),
    (rules.clocks, "auditd/a.cc", "mutex_.AwaitWithDeadline(is_done, deadline);\n", False),
    (rules.clocks, "auditd/a.cc", "// Not std::chrono::system_clock.\nsystem_clock();\n", True),
    (rules.clocks, "base/clock.cc", "read_clock(CLOCK_REALTIME);\n", True),
    (rules.clocks, "tests/unit/a.cc", "std::chrono::system_clock::now();\n", True),
    (rules.includes, "auditd/query/a.cc", "#include <pqxx/pqxx>\n", False),
    (rules.includes, "base/db/pg.cc", "#include <libpq-fe.h>\n", True),
)


class RulesTest(unittest.TestCase):
    def test_each_rule_finds_its_fault_and_nothing_else(self):
        for rule, path, text, good in CASES:
            with self.subTest(rule=rule.__name__, path=path, text=text[:40]):
                self.assertEqual(not list(rule(path, text)), good)

    def test_a_check_counts_once_and_not_when_it_only_tests_a_pointer(self):
        for condition, counts in (
                ("next == seq_ + 1", True), ("!closed_", True), ("rows_.size() == keys_.size()", 1),
                ("stream", False), ("session->peer", False), ("peer != nullptr", False),
                ("peer != nullptr && !peer->closed()", True), ("f(a, b) == 2, a, b", True)):
            with self.subTest(condition=condition):
                text = f"void f() {{\n  CHECK({condition});\n  CHECK({condition});\n}}\n"
                self.assertEqual(len(measures.check_conditions(text)), bool(counts))
        self.assertFalse(measures.check_conditions("// CHECK(a == b)\n"))

    def test_a_folder_with_too_few_checks_is_named(self):
        texts = [("tee/a.cc", "void f() {\n  CHECK(a == b);\n}\nvoid g() {\n}\n"),
                 ("tee/below/b.cc", "void h() {\n}\n" * 9)]
        self.assertEqual(measures.density("tee", texts), (1, 2))
        for least, good in ((0.5, True), (0.6, False), (None, True)):
            with mock.patch.object(rules, "CHECKS_PER_FUNCTION_MIN", {"tee": least}):
                self.assertEqual(not list(rules.densities(texts)), good)

    def test_sizes_are_those_of_the_product(self):
        texts = [("tee/a.cc", "void f() {\n}\n"), ("tee/b.cc", "int a;\n" * 9),
                 ("tests/c.cc", "int a;\n" * 99)]
        self.assertEqual(measures.sizes_of_product(texts),
                         ((5.5, 9, "tee/b.cc"), (2, 2, "tee/a.cc:1")))

    def test_a_file_without_a_target_is_found(self):
        self.assertTrue(list(rules.targets(set())))


if __name__ == "__main__":
    unittest.main()
