# SPDX-License-Identifier: Apache-2.0
import unittest

from script import TreeTest, load

check_duplicates = load("check_duplicates")

BODY = "".join(f"  total += weight[{i}] * value({i});\n" for i in range(12))


class CheckDuplicates(TreeTest):
    def test_a_run_that_stands_twice_is_found_whatever_its_indent_and_comments(self):
        self.write("src/ops/a.cpp", "int first() {\n" + BODY + "}\n")
        self.write("src/ops/b.cpp", "int second() {\n" + BODY.replace(";\n", ";  // again\n") + "}\n")
        self.assertEqual(list(check_duplicates.repeated_runs(self.root)),
                         ["src/ops/b.cpp:2: 12 lines or more stand also at src/ops/a.cpp:2"])

    def test_shorter_runs_and_tables_are_fine(self):
        self.write("src/ops/a.cpp", BODY)
        self.write("src/ops/b.cpp", BODY.split("\n", 1)[1])
        self.write("src/ops/c_tables.cpp", BODY)
        self.assertEqual(list(check_duplicates.repeated_runs(self.root)), [])

    def test_a_type_in_two_files_is_found(self):
        text = "namespace deepseek {\nstruct Span {\n  int row;\n};\n}  // namespace deepseek\n"
        self.write("src/nn/a.h", text)
        self.write("src/engine/b.h", text)
        self.assertEqual(list(check_duplicates.repeated_types(self.root)),
                         ["deepseek::Span is defined in src/engine/b.h and src/nn/a.h"])

    def test_a_type_in_an_unnamed_namespace_is_its_file_s_own(self):
        text = ("namespace deepseek {\nnamespace {\nstruct Span {\n  int row;\n};\n}  // namespace\n"
                "}  // namespace deepseek\n")
        self.write("src/nn/a.cpp", text)
        self.write("src/nn/b.cpp", text)
        self.assertEqual(list(check_duplicates.repeated_types(self.root)), [])


if __name__ == "__main__":
    unittest.main()
