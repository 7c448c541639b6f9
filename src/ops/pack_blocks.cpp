// SPDX-License-Identifier: Apache-2.0
#include "ops/pack_blocks.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/linear.h"

namespace deepseek {
namespace {

using kernels::BlockLayout;
using kernels::panel_width;
using kernels::Scales;

constexpr int max_words = 64;  // of a superblock

/// One unit of one row, taken apart: codes four to a word in order of columns, scales as the panel
/// keeps them.
struct Unit {
  uint32_t codes[max_words];
  uint16_t half[2], half_min[2];  // half scales, per block
  uint16_t d, d_min;              // byte scales
  uint8_t scales[16], mins[16];
};

uint32_t word(const uint8_t* at) {
  uint32_t value = 0;
  std::memcpy(&value, at, 4);
  return value;
}

uint16_t half(const uint8_t* at) {
  uint16_t value = 0;
  std::memcpy(&value, at, 2);
  return value;
}

constexpr uint32_t low4 = 0x0F0F0F0F, low2 = 0x03030303, low1 = 0x01010101;

/// Four bits at `bits` spread to bit 0 of four bytes.
uint32_t spread(uint32_t bits) { return (bits & 15) * 0x00204081u & low1; }

/// 16 bytes whose low nibbles are columns 0-15 and high nibbles columns 16-31.
void read_nibbles(const uint8_t* q, uint32_t* codes) {
  for (int g = 0; g < 4; ++g) {
    codes[g] = word(q + 4 * g) & low4;
    codes[g + 4] = word(q + 4 * g) >> 4 & low4;
  }
}

void read_fifth_bits(const uint8_t* q, uint32_t* codes) {
  const uint32_t bits = word(q);
  for (int g = 0; g < 8; ++g) codes[g] |= spread(bits >> 4 * g) << 4;
}

// Each reader takes block `b` of a half-scale unit, or a whole superblock.

template <bool has_min, bool has_fifth>
void read_nibble_block(const uint8_t* block, int b, Unit& unit) {
  unit.half[b] = half(block);
  if (has_min) unit.half_min[b] = half(block + 2);
  const uint8_t* rest = block + (has_min ? 4 : 2);
  read_nibbles(rest + (has_fifth ? 4 : 0), unit.codes + 8 * b);
  if (has_fifth) read_fifth_bits(rest, unit.codes + 8 * b);
}

void read_q8_0(const uint8_t* block, int b, Unit& unit) {
  unit.half[b] = half(block);
  for (int g = 0; g < 8; ++g) unit.codes[8 * b + g] = word(block + 2 + 4 * g) ^ 0x80808080u;
}

/// The 6-bit scales and minima of q4_k and q5_k.
void read_k_scales(const uint8_t* q, Unit& unit) {
  for (int j = 0; j < 4; ++j) {
    unit.scales[j] = q[j] & 63;
    unit.mins[j] = q[j + 4] & 63;
    unit.scales[j + 4] = uint8_t((q[j + 8] & 15) | q[j] >> 6 << 4);
    unit.mins[j + 4] = uint8_t(q[j + 8] >> 4 | q[j + 4] >> 6 << 4);
  }
}

void read_k_nibbles(const uint8_t* q, uint32_t* codes) {
  for (int c = 0; c < 4; ++c)
    for (int g = 0; g < 8; ++g) {
      const uint32_t both = word(q + 32 * c + 4 * g);
      codes[16 * c + g] = both & low4;
      codes[16 * c + 8 + g] = both >> 4 & low4;
    }
}

void read_q4_k(const uint8_t* block, int, Unit& unit) {
  unit.d = half(block);
  unit.d_min = half(block + 2);
  read_k_scales(block + 4, unit);
  read_k_nibbles(block + 16, unit.codes);
}

void read_q5_k(const uint8_t* block, int, Unit& unit) {
  unit.d = half(block);
  unit.d_min = half(block + 2);
  read_k_scales(block + 4, unit);
  read_k_nibbles(block + 48, unit.codes);
  for (int b = 0; b < 8; ++b)
    for (int g = 0; g < 8; ++g)
      unit.codes[8 * b + g] |= (word(block + 16 + 4 * g) >> b & low1) << 4;
}

void read_two_bits(const uint8_t* q, uint32_t* codes) {
  for (int h = 0; h < 2; ++h)
    for (int j = 0; j < 4; ++j)
      for (int g = 0; g < 8; ++g)
        codes[32 * h + 8 * j + g] = word(q + 32 * h + 4 * g) >> 2 * j & low2;
}

void read_q2_k(const uint8_t* block, int, Unit& unit) {
  unit.d = half(block + 80);
  unit.d_min = half(block + 82);
  std::copy_n(block, 16, unit.scales);
  read_two_bits(block + 16, unit.codes);
}

void read_q3_k(const uint8_t* block, int, Unit& unit) {
  unit.d = half(block + 108);
  const uint8_t* scales = block + 96;
  for (int j = 0; j < 16; ++j) {
    const int low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
    const int high = scales[8 + j % 4] >> (2 * (j / 4)) & 3;
    unit.scales[j] = uint8_t((low | high << 4) - 32);
  }
  read_two_bits(block + 32, unit.codes);
  for (int b = 0; b < 8; ++b)
    for (int g = 0; g < 8; ++g) unit.codes[8 * b + g] |= (word(block + 4 * g) >> b & low1) << 2;
}

void read_q6_k(const uint8_t* block, int, Unit& unit) {
  unit.d = half(block + 208);
  std::copy_n(block + 192, 16, unit.scales);
  for (int h = 0; h < 2; ++h)
    for (int g = 0; g < 8; ++g) {
      const uint8_t* low = block + 64 * h + 4 * g;
      const uint32_t first = word(low), second = word(low + 32);
      const uint32_t high = word(block + 128 + 32 * h + 4 * g);
      uint32_t* codes = unit.codes + 32 * h + g;
      codes[0] = (first & low4) | (high & low2) << 4;
      codes[8] = (second & low4) | (high >> 2 & low2) << 4;
      codes[16] = (first >> 4 & low4) | (high >> 4 & low2) << 4;
      codes[24] = (second >> 4 & low4) | (high >> 6 & low2) << 4;
    }
}

void read_iq4_xs(const uint8_t* block, int, Unit& unit) {
  unit.d = half(block);
  const uint32_t high = half(block + 2);
  for (int b = 0; b < 8; ++b) {
    const int low = block[4 + b / 2] >> (4 * (b % 2)) & 15;
    unit.scales[b] = uint8_t((low | int(high >> 2 * b & 3) << 4) - 32);
    read_nibbles(block + 8 + 16 * b, unit.codes + 8 * b);
  }
}

void put(uint8_t* out, uint32_t value) { std::memcpy(out, &value, 4); }

template <const BlockLayout& layout>
void write_codes(const uint32_t* codes, uint8_t* out, int n) {
  uint8_t* low = out + 4 * n;
  uint8_t* high = low + 64 * layout.low_bits;
  if constexpr (layout.low_bits == 8)
    for (int g = 0; g < 8; ++g) put(low + 64 * g, codes[g]);
  if constexpr (layout.low_bits == 4)
    for (int g = 0; g < 4; ++g) put(low + 64 * g, (codes[g] & low4) | (codes[g + 4] & low4) << 4);
  if constexpr (layout.low_bits == 2)
    for (int v = 0; v < 2; ++v) {
      const uint32_t* c = codes + 4 * v;
      put(low + 64 * v,
          (c[0] & low2) | (c[1] & low2) << 2 | (c[2] & low2) << 4 | (c[3] & low2) << 6);
    }
  if constexpr (layout.high_bits == 1) {
    uint32_t bits = 0;
    for (int g = 0; g < 8; ++g) bits |= (codes[g] >> layout.low_bits & low1) << g;
    put(high, bits);
  }
  if constexpr (layout.high_bits == 2)
    for (int v = 0; v < 2; ++v) {
      uint32_t bits = 0;
      for (int s = 0; s < 4; ++s) bits |= (codes[4 * v + s] >> 4 & low2) << 2 * s;
      put(high + 64 * v, bits);
    }
}

template <const BlockLayout& layout>
void write_unit(const Unit& unit, int blocks, uint8_t* out, int n) {
  if constexpr (layout.scales == Scales::half) {
    for (int b = 0; b < blocks; ++b) {
      std::memcpy(out + 2 * (16 * b + n), &unit.half[b], 2);
      if (layout.has_min)
        std::memcpy(out + layout.min_offset() + 2 * (16 * b + n), &unit.half_min[b], 2);
    }
  } else {
    std::memcpy(out + 2 * n, &unit.d, 2);
    if (layout.has_min) std::memcpy(out + 32 + 2 * n, &unit.d_min, 2);
    for (int i = 0; i < layout.scale_count(); ++i) {
      out[layout.scale_offset() + 16 * i + n] = unit.scales[i];
      if (layout.scales == Scales::byte_and_min)
        out[layout.min_offset() + 16 * i + n] = unit.mins[i];
    }
  }
  for (int b = 0; b < blocks; ++b)
    write_codes<layout>(unit.codes + 8 * b, out + layout.code_offset() + b * layout.block_bytes(),
                        n);
}

using Reader = void (*)(const uint8_t* block, int b, Unit& unit);

template <const BlockLayout& layout, Reader reader>
void pack(const FormatInfo& info, const uint8_t* rows, int64_t row_count, int64_t row_bytes,
          int64_t cols, uint8_t* out) {
  constexpr int64_t unit_cols = layout.unit_cols();
  const int64_t units = (cols + unit_cols - 1) / unit_cols;
  if (row_count < panel_width || cols % unit_cols != 0)
    std::memset(out, 0, size_t(units * layout.unit_bytes()));
  Unit unit{};
  for (int64_t u = 0; u < units; ++u) {
    const int blocks = int(std::min<int64_t>(layout.blocks, cols / 32 - u * layout.blocks));
    const int sources = int(std::min(unit_cols, cols - u * unit_cols) / info.block_size);
    for (int n = 0; n < row_count; ++n) {
      const uint8_t* source =
          rows + n * row_bytes + u * (unit_cols / info.block_size) * info.block_bytes;
      for (int b = 0; b < sources; ++b) reader(source + b * info.block_bytes, b, unit);
      write_unit<layout>(unit, blocks, out + u * layout.unit_bytes(), n);
    }
    if constexpr (layout.scales != Scales::half && !layout.has_min)
      std::memset(out + u * layout.unit_bytes() + 32, 0, 32);
  }
}

}  // namespace

void pack_block_panel(Format format, const std::byte* rows, int64_t row_count, int64_t row_bytes,
                      int64_t cols, std::byte* out) {
  const FormatInfo& info = format_info(format);
  const auto run = [&](auto packer) {
    packer(info, reinterpret_cast<const uint8_t*>(rows), row_count, row_bytes, cols,
           reinterpret_cast<uint8_t*>(out));
  };
  switch (format) {
    case Format::q4_0:
      return run(pack<kernels::layout_q4_0, read_nibble_block<false, false>>);
    case Format::q4_1:
      return run(pack<kernels::layout_q4_1, read_nibble_block<true, false>>);
    case Format::q5_0:
      return run(pack<kernels::layout_q5_0, read_nibble_block<false, true>>);
    case Format::q5_1:
      return run(pack<kernels::layout_q5_1, read_nibble_block<true, true>>);
    case Format::q8_0:
      return run(pack<kernels::layout_q8_0, read_q8_0>);
    case Format::iq4_nl:
      return run(pack<kernels::layout_iq4_nl, read_nibble_block<false, false>>);
    case Format::q2_k:
      return run(pack<kernels::layout_q2_k, read_q2_k>);
    case Format::q3_k:
      return run(pack<kernels::layout_q3_k, read_q3_k>);
    case Format::q4_k:
      return run(pack<kernels::layout_q4_k, read_q4_k>);
    case Format::q5_k:
      return run(pack<kernels::layout_q5_k, read_q5_k>);
    case Format::q6_k:
      return run(pack<kernels::layout_q6_k, read_q6_k>);
    case Format::iq4_xs:
      return run(pack<kernels::layout_iq4_xs, read_iq4_xs>);
    default:
      fail(ErrorKind::internal, "pack_block_panel: ", info.name, " has no block panels");
  }
}

}  // namespace deepseek
