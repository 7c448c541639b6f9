# SPDX-License-Identifier: Apache-2.0
import unittest

from script import load

check_symbols = load("check_symbols")


class CheckSymbols(unittest.TestCase):
    def test_strong_and_undefined_symbols_are_fine(self):
        listing = "0000000000000000 T deepseek::avx2::rope(RopeArgs const&)\n                 U memcpy\n"
        self.assertEqual(list(check_symbols.weak_symbols(listing)), [])

    def test_an_inline_function_is_found(self):
        listing = "0000000000000010 W std::vector<int>::size() const\n"
        self.assertEqual(list(check_symbols.weak_symbols(listing)), ["std::vector<int>::size() const"])

    def test_the_personality_reference_is_excepted(self):
        listing = "0000000000000000 V DW.ref.__gxx_personality_v0\n"
        self.assertEqual(list(check_symbols.weak_symbols(listing)), [])

    def test_objects_of_the_instruction_sets_are_chosen(self):
        folder = "build/src/kernels/CMakeFiles/deepseek_kernels.dir"
        self.assertTrue(check_symbols.ISA_OBJECT.search(f"{folder}/avx512/rope.cpp.o"))
        self.assertFalse(check_symbols.ISA_OBJECT.search(f"{folder}/scalar/rope.cpp.o"))


if __name__ == "__main__":
    unittest.main()
