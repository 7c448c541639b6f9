// SPDX-License-Identifier: Apache-2.0
#include "kernels/linear.h"

#include <algorithm>
#include <cstring>

#include "core/divide.h"
#include "kernels/linear_layout.h"
#include "kernels/linear_variants.h"
#include "kernels/scalar/panel_block.h"
#include "tensor/float_convert.h"

namespace deepseek::kernels {
namespace {

using Run = void (*)(const LinearArgs&) noexcept;

constexpr cpu::Features needs_avx2 = cpu::avx2 | cpu::fma | cpu::f16c;
constexpr cpu::Features needs_avx512 =
    needs_avx2 | cpu::avx512f | cpu::avx512bw | cpu::avx512dq | cpu::avx512vl;
constexpr cpu::Features needs_vnni = needs_avx512 | cpu::avx512vnni;

constexpr LinearFamily dense(const char* name, Run scalar, Run avx2, Run avx512) {
  return {name,
          {{{"scalar", Device::cpu, 0, scalar},
            {"avx2", Device::cpu, needs_avx2, avx2},
            {"avx512", Device::cpu, needs_avx512, avx512}}}};
}

constexpr LinearFamily blocks(const char* name, Run scalar, Run avx2, Run avx512) {
  return {name,
          {{{"scalar", Device::cpu, 0, scalar},
            {"avx2", Device::cpu, needs_avx2, avx2},
            {"avx512vnni", Device::cpu, needs_vnni, avx512}}}};
}

constexpr std::array<LinearFamily, 16> families{{
    dense("linear_f32", scalar::linear_f32, avx2::linear_f32, avx512::linear_f32),
    dense("linear_f16", scalar::linear_f16, avx2::linear_f16, avx512::linear_f16),
    dense("linear_bf16", scalar::linear_bf16, avx2::linear_bf16, avx512::linear_bf16),
    dense("linear_fp8", scalar::linear_fp8, avx2::linear_fp8, avx512::linear_fp8),
    blocks("linear_q4_0", scalar::linear_q4_0, avx2::linear_q4_0, avx512::linear_q4_0),
    blocks("linear_q4_1", scalar::linear_q4_1, avx2::linear_q4_1, avx512::linear_q4_1),
    blocks("linear_q5_0", scalar::linear_q5_0, avx2::linear_q5_0, avx512::linear_q5_0),
    blocks("linear_q5_1", scalar::linear_q5_1, avx2::linear_q5_1, avx512::linear_q5_1),
    blocks("linear_q8_0", scalar::linear_q8_0, avx2::linear_q8_0, avx512::linear_q8_0),
    blocks("linear_q2_k", scalar::linear_q2_k, avx2::linear_q2_k, avx512::linear_q2_k),
    blocks("linear_q3_k", scalar::linear_q3_k, avx2::linear_q3_k, avx512::linear_q3_k),
    blocks("linear_q4_k", scalar::linear_q4_k, avx2::linear_q4_k, avx512::linear_q4_k),
    blocks("linear_q5_k", scalar::linear_q5_k, avx2::linear_q5_k, avx512::linear_q5_k),
    blocks("linear_q6_k", scalar::linear_q6_k, avx2::linear_q6_k, avx512::linear_q6_k),
    blocks("linear_iq4_nl", scalar::linear_iq4_nl, avx2::linear_iq4_nl, avx512::linear_iq4_nl),
    blocks("linear_iq4_xs", scalar::linear_iq4_xs, avx2::linear_iq4_xs, avx512::linear_iq4_xs),
}};

/// Place in `families`, or -1.
int family_index(Format format) {
  switch (format) {
    case Format::f32:
      return 0;
    case Format::f16:
      return 1;
    case Format::bf16:
      return 2;
    case Format::fp8:
      return 3;
    case Format::q4_0:
      return 4;
    case Format::q4_1:
      return 5;
    case Format::q5_0:
      return 6;
    case Format::q5_1:
      return 7;
    case Format::q8_0:
      return 8;
    case Format::q2_k:
      return 9;
    case Format::q3_k:
      return 10;
    case Format::q4_k:
      return 11;
    case Format::q5_k:
      return 12;
    case Format::q6_k:
      return 13;
    case Format::iq4_nl:
      return 14;
    case Format::iq4_xs:
      return 15;
    default:
      return -1;
  }
}

constexpr std::array<const BlockLayout*, 16> layouts{
    nullptr,      nullptr,      nullptr,        nullptr,       &layout_q4_0, &layout_q4_1,
    &layout_q5_0, &layout_q5_1, &layout_q8_0,   &layout_q2_k,  &layout_q3_k, &layout_q4_k,
    &layout_q5_k, &layout_q6_k, &layout_iq4_nl, &layout_iq4_xs};

template <class T>
T read(const std::byte* panel, int64_t index) {
  T value;
  std::memcpy(&value, panel + index * int64_t{sizeof(T)}, sizeof(T));
  return value;
}

}  // namespace

const QuantizeFamily quantize_activations{
    "quantize_activations",
    {{{"scalar", Device::cpu, 0, scalar::quantize_activations},
      {"avx2", Device::cpu, needs_avx2, avx2::quantize_activations},
      {"avx512", Device::cpu, needs_avx512, avx512::quantize_activations}}}};

const LinearFamily* linear_family(Format format) {
  const int index = family_index(format);
  return index < 0 ? nullptr : &families[size_t(index)];
}

std::span<const LinearFamily> linear_families() { return families; }

const BlockLayout* block_layout(Format format) {
  const int index = family_index(format);
  return index < 0 ? nullptr : layouts[size_t(index)];
}

int64_t panel_bytes(Format format, int64_t cols, int64_t block_cols) {
  if (const BlockLayout* layout = block_layout(format))
    return divide_up(cols, layout->unit_cols()) * layout->unit_bytes();
  switch (format) {
    case Format::f32:
      return cols * 4 * panel_width;
    case Format::f16:
      return cols * 2 * panel_width;
    case Format::bf16:
      return divide_up(cols, 2) * 4 * panel_width;
    case Format::fp8:
      return cols / block_cols * fp8_slice_bytes(block_cols) +
             (cols % block_cols == 0 ? 0 : fp8_slice_bytes(cols % block_cols));
    default:
      return 0;
  }
}

void panel_row(Format format, const std::byte* panel, int64_t cols, int64_t block_cols,
               int64_t index, float* out) {
  if (const BlockLayout* layout = block_layout(format)) {
    for (int64_t b = 0; b < cols / 32; ++b)
      scalar::decode_output(*layout, reinterpret_cast<const unsigned char*>(panel), b, int(index),
                            out + 32 * b);
    return;
  }
  const auto at = [&](int64_t k) { return k * panel_width + index; };
  for (int64_t k = 0; k < cols; ++k) switch (format) {
      case Format::f32:
        out[k] = read<float>(panel, at(k));
        break;
      case Format::f16:
        out[k] = f16_to_f32(read<uint16_t>(panel, at(k)));
        break;
      case Format::bf16:
        out[k] = bf16_to_f32(read<uint16_t>(panel, k / 2 * 2 * panel_width + 2 * index + k % 2));
        break;
      default: {
        const std::byte* slice = panel + k / block_cols * fp8_slice_bytes(block_cols);
        const int64_t at_code = 64 + k % block_cols / 4 * 64 + fp8_byte(k % block_cols % 4, index);
        out[k] = e4m3_to_f32(read<uint8_t>(slice, at_code)) * read<float>(slice, index);
      }
    }
}

}  // namespace deepseek::kernels
