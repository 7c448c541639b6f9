// SPDX-License-Identifier: Apache-2.0
#include "kernels/scalar/panel_block.h"

#include <cstring>

#include "tensor/float_convert.h"

namespace deepseek::kernels::scalar {
namespace {

float read_half(const unsigned char* at) {
  uint16_t bits = 0;
  std::memcpy(&bits, at, 2);
  return f16_to_f32(bits);
}

/// Four codes of `bits` width sit at byte `lane` of word group `g`; see linear_layout.h.
int read_code(const unsigned char* plane, int bits, int g, int lane) {
  switch (bits) {
    case 8:
      return plane[64 * g + lane];
    case 4:
      return plane[64 * (g % 4) + lane] >> (4 * (g / 4)) & 15;
    case 2:
      return plane[64 * (g / 4) + lane] >> (2 * (g % 4)) & 3;
    case 1:
      return plane[lane] >> g & 1;
    default:
      return 0;
  }
}

void decode_scales(const BlockLayout& layout, const unsigned char* unit, int index, int n,
                   float& scale, float& min) {
  if (layout.scales == Scales::half) {
    scale = read_half(unit + 2 * (16 * index + n));
    min = layout.has_min ? read_half(unit + layout.min_offset() + 2 * (16 * index + n)) : 0;
    return;
  }
  const float d = read_half(unit + 2 * n), d_min = read_half(unit + 32 + 2 * n);
  const unsigned char code = unit[layout.scale_offset() + 16 * index + n];
  const unsigned char min_code = unit[layout.min_offset() + 16 * index + n];
  switch (layout.scales) {
    case Scales::byte:
      scale = d * float(int8_t(code)), min = 0;
      break;
    case Scales::byte_and_min:
      scale = d * float(code), min = -(d_min * float(min_code));
      break;
    default:
      scale = d * float(code & 15), min = -(d_min * float(code >> 4));
      break;
  }
}

/// Where block `b` of a panel is.
struct Place {
  const unsigned char* unit;
  int in_unit;
  const unsigned char* low;
  const unsigned char* high;
};

Place find_block(const BlockLayout& layout, const unsigned char* panel, int64_t block) {
  Place at{};
  at.unit = panel + block / layout.blocks * layout.unit_bytes();
  at.in_unit = int(block % layout.blocks);
  at.low = at.unit + layout.code_offset() + at.in_unit * layout.block_bytes();
  at.high = at.low + 64 * layout.low_bits;
  return at;
}

int read_value(const BlockLayout& layout, const Place& at, int k, int n) {
  const int lane = 4 * n + k % 4;
  const int code = read_code(at.low, layout.low_bits, k / 4, lane) |
                   read_code(at.high, layout.high_bits, k / 4, lane) << layout.low_bits;
  const int zero = layout.zero_bits == 0 ? 0 : 1 << layout.zero_bits;
  return (layout.codebook ? iq4_codebook[code] : code) - zero;
}

}  // namespace

PanelBlock decode_block(const BlockLayout& layout, const unsigned char* panel, int64_t block) {
  PanelBlock out;
  const Place at = find_block(layout, panel, block);
  for (int n = 0; n < panel_width; ++n)
    for (int i = 0; i < layout.groups(); ++i)
      decode_scales(layout, at.unit, at.in_unit * layout.groups() + i, n, out.scale[i][n],
                    out.min[i][n]);
  for (int k = 0; k < 32; ++k)
    for (int n = 0; n < panel_width; ++n) out.q[k][n] = int8_t(read_value(layout, at, k, n));
  return out;
}

void decode_output(const BlockLayout& layout, const unsigned char* panel, int64_t block, int index,
                   float* out) {
  const Place at = find_block(layout, panel, block);
  float scale = 0, min = 0;
  for (int k = 0; k < 32; ++k) {
    if (k % layout.group == 0)
      decode_scales(layout, at.unit, at.in_unit * layout.groups() + k / layout.group, index, scale,
                    min);
    const float value = scale * float(read_value(layout, at, k, index));
    out[k] = layout.has_min ? value + min : value;
  }
}

}  // namespace deepseek::kernels::scalar
