// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx2/multiply_narrow.h"
#include "kernels/avx2/multiply_wide.h"
#include "kernels/linear_variants.h"

namespace deepseek::kernels::avx2 {
namespace {

/// As bytes or in 16 bits, whichever takes fewer instructions.
template <const BlockLayout& layout>
void linear_blocks(const LinearArgs& a) {
  if constexpr (layout.low_bits == 8 || layout.codebook)
    multiply_wide<layout>(a);
  else if (a.one_plane)
    multiply_narrow<layout, 1>(a);
  else if (sums_fit(layout) || a.rows == 1)
    multiply_narrow<layout, 2>(a);
  else if constexpr (!sums_fit(layout))
    multiply_wide<layout>(a);
}

}  // namespace

void linear_q4_0(const LinearArgs& a) noexcept { linear_blocks<layout_q4_0>(a); }
void linear_q4_1(const LinearArgs& a) noexcept { linear_blocks<layout_q4_1>(a); }
void linear_q5_0(const LinearArgs& a) noexcept { linear_blocks<layout_q5_0>(a); }
void linear_q5_1(const LinearArgs& a) noexcept { linear_blocks<layout_q5_1>(a); }
void linear_q8_0(const LinearArgs& a) noexcept { linear_blocks<layout_q8_0>(a); }
void linear_q2_k(const LinearArgs& a) noexcept { linear_blocks<layout_q2_k>(a); }
void linear_q3_k(const LinearArgs& a) noexcept { linear_blocks<layout_q3_k>(a); }
void linear_q4_k(const LinearArgs& a) noexcept { linear_blocks<layout_q4_k>(a); }
void linear_q5_k(const LinearArgs& a) noexcept { linear_blocks<layout_q5_k>(a); }
void linear_q6_k(const LinearArgs& a) noexcept { linear_blocks<layout_q6_k>(a); }
void linear_iq4_nl(const LinearArgs& a) noexcept { linear_blocks<layout_iq4_nl>(a); }
void linear_iq4_xs(const LinearArgs& a) noexcept { linear_blocks<layout_iq4_xs>(a); }

}  // namespace deepseek::kernels::avx2
