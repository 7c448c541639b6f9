# SPDX-License-Identifier: Apache-2.0
import unittest

from script import TreeTest, load

check_rooms = load("check_rooms")


class CheckRooms(TreeTest):
    def found(self):
        return list(check_rooms.offences(self.root))

    def test_an_include_of_an_earlier_room_is_fine(self):
        self.write("src/core/error.h")
        self.write("src/tensor/tensor.h", '#pragma once\n#include <vector>\n#include "core/error.h"\n')
        self.assertEqual(self.found(), [])

    def test_an_include_of_a_later_room_is_refused(self):
        self.write("src/model/model.h")
        self.write("src/tensor/tensor.cpp", '#include "model/model.h"\n')
        self.assertEqual(self.found(), ["src/tensor/tensor.cpp: includes model/model.h: tensor comes before model"])

    def test_training_never_includes_the_engine(self):
        self.write("src/engine/engine.h")
        self.write("src/train/train.cpp", '#include "engine/engine.h"\n')
        self.assertIn("train never includes engine", self.found()[0])

    def test_only_ops_include_kernels(self):
        self.write("src/kernels/rope.h")
        self.write("src/ops/rope.cpp", '#include "kernels/rope.h"\n')
        self.assertEqual(self.found(), [])
        self.write("src/nn/rope.cpp", '#include "kernels/rope.h"\n')
        self.assertEqual(len(self.found()), 1)

    def test_an_instruction_set_sees_plain_headers_alone(self):
        self.write("src/core/error.h")
        self.write("src/kernels/rope_args.h", "#include <stdint.h>\n")
        self.write("src/kernels/avx2/lanes.h", "#include <immintrin.h>\n")
        self.write("src/kernels/avx2/rope.cpp", '#include "kernels/avx2/lanes.h"\n#include "kernels/rope_args.h"\n')
        self.assertEqual(self.found(), [])
        self.write("src/kernels/avx2/bad.cpp", '#include <vector>\n#include "core/error.h"\n')
        self.assertEqual(len(self.found()), 2)

    def test_a_plain_header_includes_nothing_else(self):
        self.write("src/tensor/dtype.h")
        self.write("src/kernels/rope_args.h", '#include "tensor/dtype.h"\n')
        self.assertIn("a header of plain data", self.found()[0])

    def test_an_unknown_room_and_a_missing_file_are_named(self):
        self.write("src/attic/old.h")
        self.write("src/core/file.cpp", '#include "file.h"\n')
        self.assertEqual(len(self.found()), 2)


if __name__ == "__main__":
    unittest.main()
