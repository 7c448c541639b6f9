// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/linear_args.h"

// Panels of dense formats: [cols][16] values; bf16 [cols / 2][16][2], padded with a zero column.
//
// fp8: for each slice of block_cols columns, the scale of the 16 outputs, f32, then codes in groups
// of four columns, 64 bytes each, the last padded with zeros. Column 2t + s of a group is, for
// output n, byte 16 * (n / 4) + 8 * t + 2 * (n % 4) + s: widening the bytes in place gives pairs of
// columns as bf16 has them.
//
// Panels of the block formats. A panel is a row of units, each holding 64 columns (two blocks of
// 32) or a superblock of 256 for its 16 outputs:
//
//   half scales      d f16 [2][16]; with a minimum, m f16 [2][16]
//   byte scales      d f16 [16], dmin f16 [16]; scales [unit / group][16]; byte_and_min: the
//                    minima after them, alike; nibble_and_min: the minimum in the upper four bits
//   codes            for each block of 32: the low bits, then the high bits
//
// Codes are written for 4-way byte dot products: word g of output n holds columns 4g to 4g + 3, a
// vector g the words of the 16 outputs (64 bytes). Narrow codes share vectors:
//
//   8 bits   vector g
//   4 bits   vector g % 4, shifted by 4 * (g / 4)
//   2 bits   vector g / 4, shifted by 2 * (g % 4)
//   1 bit    one vector, shifted by g
//
// A weight is d * scale * (code - zero), less dmin * minimum (half scales: plus m). Codebook
// formats look the code up instead. Two blocks that a unit has but the matrix does not are zero.
//
// A matrix engine with tiles (AMX) reads the same panels: eight vectors g are the 8 x 64 bytes of a
// tile for 32 columns, and the planes of ActivationBlock its other operand.

namespace deepseek::kernels {

/// Byte of column `k` of a group of four fp8 columns, for output `n`.
constexpr int fp8_byte(int64_t k, int64_t n) {
  return int(16 * (n / 4) + 8 * (k / 2) + 2 * (n % 4) + k % 2);
}

/// Bytes of an fp8 slice of `cols` columns.
constexpr int64_t fp8_slice_bytes(int64_t cols) { return 64 + (cols + 3) / 4 * 64; }

enum class Scales : unsigned char { half, byte, byte_and_min, nibble_and_min };

struct BlockLayout {
  int blocks;    // of 32 columns in a unit
  int group;     // columns that share a scale: 16 or 32
  int low_bits;  // 8, 4 or 2
  int high_bits;
  int zero_bits;  // code 2^zero_bits stands for zero; 0: code 0 does
  bool has_min;
  bool codebook;
  Scales scales;

  constexpr int groups() const { return 32 / group; }
  constexpr int unit_cols() const { return blocks * 32; }
  constexpr int scale_offset() const { return scales == Scales::half ? 0 : 64; }
  constexpr int scale_count() const { return blocks * groups(); }
  constexpr int min_offset() const {
    return scales == Scales::half ? 2 * 16 * blocks : 64 + 16 * scale_count();
  }
  constexpr int code_offset() const {
    if (scales == Scales::half) return 2 * 16 * blocks * (has_min ? 2 : 1);
    return 64 + 16 * scale_count() * (scales == Scales::byte_and_min ? 2 : 1);
  }
  constexpr int block_bytes() const { return 64 * (low_bits + high_bits); }
  constexpr int unit_bytes() const { return code_offset() + blocks * block_bytes(); }
};

constexpr BlockLayout layout_q4_0{2, 32, 4, 0, 3, false, false, Scales::half};
constexpr BlockLayout layout_q4_1{2, 32, 4, 0, 0, true, false, Scales::half};
constexpr BlockLayout layout_q5_0{2, 32, 4, 1, 4, false, false, Scales::half};
constexpr BlockLayout layout_q5_1{2, 32, 4, 1, 0, true, false, Scales::half};
constexpr BlockLayout layout_q8_0{2, 32, 8, 0, 7, false, false, Scales::half};
constexpr BlockLayout layout_iq4_nl{2, 32, 4, 0, 7, false, true, Scales::half};
constexpr BlockLayout layout_q2_k{8, 16, 2, 0, 0, true, false, Scales::nibble_and_min};
constexpr BlockLayout layout_q3_k{8, 16, 2, 1, 2, false, false, Scales::byte};
constexpr BlockLayout layout_q4_k{8, 32, 4, 0, 0, true, false, Scales::byte_and_min};
constexpr BlockLayout layout_q5_k{8, 32, 4, 1, 0, true, false, Scales::byte_and_min};
constexpr BlockLayout layout_q6_k{8, 16, 4, 2, 5, false, false, Scales::byte};
constexpr BlockLayout layout_iq4_xs{8, 32, 4, 0, 7, false, true, Scales::byte};

/// What the codes of iq4_nl and iq4_xs stand for, plus 128.
constexpr unsigned char iq4_codebook[16] = {1,   24,  45,  63,  79,  93,  106, 118,
                                            129, 141, 153, 166, 181, 197, 217, 241};

}  // namespace deepseek::kernels
