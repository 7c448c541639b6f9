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

}  // namespace

PanelBlock decode_block(const BlockLayout& layout, const unsigned char* panel, int64_t block) {
  PanelBlock out;
  const unsigned char* unit = panel + block / layout.blocks * layout.unit_bytes();
  const int in_unit = int(block % layout.blocks);
  for (int n = 0; n < panel_width; ++n)
    for (int i = 0; i < layout.groups(); ++i)
      decode_scales(layout, unit, in_unit * layout.groups() + i, n, out.scale[i][n], out.min[i][n]);
  const unsigned char* low = unit + layout.code_offset() + in_unit * layout.block_bytes();
  const unsigned char* high = low + 64 * layout.low_bits;
  const int zero = layout.zero_bits == 0 ? 0 : 1 << layout.zero_bits;
  for (int k = 0; k < 32; ++k)
    for (int n = 0; n < panel_width; ++n) {
      const int lane = 4 * n + k % 4;
      int code = read_code(low, layout.low_bits, k / 4, lane);
      code |= read_code(high, layout.high_bits, k / 4, lane) << layout.low_bits;
      if (layout.codebook) code = iq4_codebook[code];
      out.q[k][n] = int8_t(code - zero);
    }
  return out;
}

}  // namespace deepseek::kernels::scalar
