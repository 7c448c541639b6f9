// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/linear_layout.h"
#include "kernels/linear_variants.h"
#include "kernels/scalar/panel_block.h"
#include "tensor/float_convert.h"

namespace deepseek::kernels::scalar {
namespace {

/// A panel is decoded once for this many rows.
constexpr int64_t row_tile = 8;

template <class T>
T read(const unsigned char* panel, int64_t index) {
  T value;
  std::memcpy(&value, panel + index * int64_t{sizeof(T)}, sizeof(T));
  return value;
}

struct F32 {
  static float weight(const unsigned char* panel, int64_t k, int64_t n) {
    return read<float>(panel, k * panel_width + n);
  }
};

struct F16 {
  static float weight(const unsigned char* panel, int64_t k, int64_t n) {
    return f16_to_f32(read<uint16_t>(panel, k * panel_width + n));
  }
};

struct Bf16 {
  static float weight(const unsigned char* panel, int64_t k, int64_t n) {
    return bf16_to_f32(read<uint16_t>(panel, k / 2 * 2 * panel_width + 2 * n + k % 2));
  }
};

/// Calls tile(panel, outputs of it in use, first output, first row, rows) over everything.
template <class Tile>
void for_each_tile(const LinearArgs& a, Tile tile) {
  for (int64_t n = 0; n < a.outputs; n += panel_width)
    for (int64_t r = 0; r < a.rows; r += row_tile)
      tile(a.panels + n / panel_width * a.panel_bytes, std::min(panel_width, a.outputs - n), n, r,
           std::min(row_tile, a.rows - r));
}

void store(const LinearArgs& a, const float (&acc)[row_tile][panel_width], int64_t used, int64_t n,
           int64_t first, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) std::copy_n(acc[r], used, a.out[first + r] + a.out_offset + n);
}

template <class Dense>
void linear_dense(const LinearArgs& a) {
  for_each_tile(
      a, [&](const unsigned char* panel, int64_t used, int64_t n, int64_t first, int64_t rows) {
        float acc[row_tile][panel_width] = {};
        if (a.accumulate)
          for (int64_t r = 0; r < rows; ++r)
            std::copy_n(a.out[first + r] + a.out_offset + n, used, acc[r]);
        for (int64_t k = 0; k < a.cols; ++k)
          for (int64_t i = 0; i < used; ++i) {
            const float weight = Dense::weight(panel, k, i);
            for (int64_t r = 0; r < rows; ++r)
              acc[r][i] = std::fma(static_cast<const float*>(a.x[first + r])[k], weight, acc[r][i]);
          }
        store(a, acc, used, n, first, rows);
      });
}

template <const BlockLayout& layout>
void linear_blocks(const LinearArgs& a) {
  const int32_t upper_counts = a.one_plane ? 1 : 128;
  for_each_tile(
      a, [&](const unsigned char* panel, int64_t used, int64_t n, int64_t first, int64_t rows) {
        float acc[row_tile][panel_width] = {};
        for (int64_t b = 0; b < a.cols / 32; ++b) {
          const PanelBlock block = decode_block(layout, panel, b);
          for (int64_t r = 0; r < rows; ++r) {
            const ActivationBlock& x = static_cast<const ActivationBlock*>(a.x[first + r])[b];
            for (int i = 0; i < layout.groups(); ++i) {
              const float x_sum = layout.group == 32 ? x.sum : x.half[i];
              for (int64_t o = 0; o < used; ++o) {
                int32_t dot = 0;
                for (int k = i * layout.group; k < (i + 1) * layout.group; ++k)
                  dot += (upper_counts * int32_t{x.upper[k]} + x.lower[k]) * block.q[k][o];
                acc[r][o] = std::fma(float(dot) * x.d, block.scale[i][o], acc[r][o]);
                if (layout.has_min) acc[r][o] = std::fma(x_sum, block.min[i][o], acc[r][o]);
              }
            }
          }
        }
        store(a, acc, used, n, first, rows);
      });
}

}  // namespace

void linear_f32(const LinearArgs& a) noexcept { linear_dense<F32>(a); }
void linear_f16(const LinearArgs& a) noexcept { linear_dense<F16>(a); }
void linear_bf16(const LinearArgs& a) noexcept { linear_dense<Bf16>(a); }

void linear_fp8(const LinearArgs& a) noexcept {
  for_each_tile(
      a, [&](const unsigned char* panel, int64_t used, int64_t n, int64_t first, int64_t rows) {
        float acc[row_tile][panel_width] = {};
        const unsigned char* slice = panel;
        for (int64_t begin = 0; begin < a.cols; begin += a.block_cols) {
          float inner[row_tile][panel_width] = {};
          const int64_t count = std::min(a.cols - begin, a.block_cols);
          for (int64_t k = 0; k < count; ++k)
            for (int64_t i = 0; i < used; ++i) {
              const float weight = e4m3_to_f32(slice[64 + k / 4 * 64 + fp8_byte(k % 4, i)]);
              for (int64_t r = 0; r < rows; ++r)
                inner[r][i] = std::fma(static_cast<const float*>(a.x[first + r])[begin + k], weight,
                                       inner[r][i]);
            }
          for (int64_t i = 0; i < used; ++i) {
            const float scale = read<float>(slice, i);
            for (int64_t r = 0; r < rows; ++r) acc[r][i] = std::fma(inner[r][i], scale, acc[r][i]);
          }
          slice += fp8_slice_bytes(count);
        }
        store(a, acc, used, n, first, rows);
      });
}

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

void quantize_activations(const QuantizeArgs& a) noexcept {
  // Below this the reciprocal would overflow; such a block is zero.
  constexpr float smallest = 0x1p-100f;
  const float most_steps = float(a.one_plane ? one_plane_max : activation_max);
  for (int64_t b = 0; b < a.cols / activation_block; ++b) {
    const float* x = a.x + b * activation_block;
    ActivationBlock& out = a.out[b];
    float largest = 0;
    bool finite = true;
    for (int k = 0; k < activation_block; ++k) {
      finite = finite && std::isfinite(x[k]);
      largest = std::max(largest, std::fabs(x[k]));
    }
    const bool zero = !finite || largest < smallest;
    const float inverse = zero ? 0 : most_steps / largest;
    int32_t sums[2] = {0, 0};
    for (int k = 0; k < activation_block; ++k) {
      const int v = zero ? 0 : int(std::nearbyint(x[k] * inverse));
      out.upper[k] = int8_t(a.one_plane ? v : (v + 64) >> 7);
      out.lower[k] = int8_t(a.one_plane ? 0 : v - 128 * out.upper[k]);
      sums[k / 16] += v;
    }
    out.d = !finite ? std::numeric_limits<float>::quiet_NaN() : zero ? 0 : largest / most_steps;
    out.minus_sum = -(sums[0] + sums[1]);
    out.sum = out.d * float(sums[0] + sums[1]);
    for (int i = 0; i < 2; ++i) {
      out.minus_half[i] = -sums[i];
      out.half[i] = out.d * float(sums[i]);
    }
  }
}

}  // namespace deepseek::kernels::scalar
