"""The choice of the sources that clang-tidy checks, and the flags that it compiles them with."""

import unittest
from unittest import mock

import clang

COMMAND = ("g++ -I/x -Wno-restrict -Wno-stringop-overread -fpch-preprocess -Winvalid-pch "
           "-include /b/a.dir/cmake_pch.hxx -MD -c a.cc")


class ClangTest(unittest.TestCase):
    def test_a_changed_header_chooses_the_sources_that_include_it(self):
        chosen = clang.chosen(["tee/gate.cc", "base/bytes.cc"], {"tee/gate.h"})
        self.assertEqual(chosen, ["tee/gate.cc"])

    def test_changed_sources_come_before_those_that_include_a_changed_file(self):
        chosen = clang.chosen(["tee/gate.cc", "tee/spool.cc"], {"tee/gate.h", "tee/spool.cc"})
        self.assertEqual(chosen, ["tee/spool.cc", "tee/gate.cc"])

    def test_no_check_starts_after_its_time(self):
        with mock.patch.object(clang.subprocess, "run", side_effect=AssertionError):
            self.assertIsNone(clang.check("base/bytes.cc", until=0))

    def test_a_header_of_a_header_counts_too(self):
        self.assertIn("record/frame.h", clang.parts_of("tee/gate.cc"))
        self.assertEqual(clang.chosen(["tee/gate.cc"], {"record/frame.h"}), ["tee/gate.cc"])

    def test_without_history_every_source_is_chosen(self):
        with mock.patch.object(clang, "git", return_value=["true"]):  # a shallow clone
            self.assertIsNone(clang.changed_files())
        with mock.patch.object(clang, "git", return_value=None):  # no clone
            self.assertIsNone(clang.changed_files())
        self.assertEqual(clang.chosen(["base/bytes.cc"], None), ["base/bytes.cc"])

    def test_files_that_only_moved_are_not_changed(self):
        answers = {"rev-parse": ["false"], "log": ["M\ta.cc", "R100\tb.cc\tc.cc", "R090\td.h\te.h"],
                   "status": ["?? new.cc", " M f.h"]}
        with mock.patch.object(clang, "git", side_effect=lambda *words: answers[words[0]]):
            self.assertEqual(clang.changed_files(), {"a.cc", "e.h", "new.cc", "f.h"})

    def test_a_generated_header_stands_for_its_proto_file(self):
        self.assertEqual(clang.generated_from("gatetape/record/v1/record.grpc.pb.h"),
                         "proto/gatetape/record/v1/record.proto")

    def test_clang_compiles_without_precompiled_headers(self):
        self.assertEqual(clang.NOT_FOR_CLANG.sub("", COMMAND), "g++ -I/x -MD -c a.cc")


if __name__ == "__main__":
    unittest.main()
