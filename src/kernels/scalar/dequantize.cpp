// SPDX-License-Identifier: Apache-2.0
#include "kernels/dequantize.h"

#include <cstring>

#include "kernels/scalar/dequantize_blocks.h"

namespace deepseek::kernels {
namespace {

template <class T, class Convert>
void each(const uint8_t* from, float* out, int64_t n, Convert convert) {
  for (int64_t i = 0; i < n; ++i) {
    T value;
    std::memcpy(&value, from + i * int64_t{sizeof(T)}, sizeof(T));
    out[i] = convert(value);
  }
}

using BlockFunction = void (*)(const uint8_t*, float*) noexcept;

BlockFunction block_function(Format format) {
  switch (format) {
    case Format::q4_0:
      return scalar::dequantize_q4_0;
    case Format::q4_1:
      return scalar::dequantize_q4_1;
    case Format::q5_0:
      return scalar::dequantize_q5_0;
    case Format::q5_1:
      return scalar::dequantize_q5_1;
    case Format::q8_0:
      return scalar::dequantize_q8_0;
    case Format::q2_k:
      return scalar::dequantize_q2_k;
    case Format::q3_k:
      return scalar::dequantize_q3_k;
    case Format::q4_k:
      return scalar::dequantize_q4_k;
    case Format::q5_k:
      return scalar::dequantize_q5_k;
    case Format::q6_k:
      return scalar::dequantize_q6_k;
    case Format::iq2_xxs:
      return scalar::dequantize_iq2_xxs;
    case Format::iq2_xs:
      return scalar::dequantize_iq2_xs;
    case Format::iq2_s:
      return scalar::dequantize_iq2_s;
    case Format::iq3_xxs:
      return scalar::dequantize_iq3_xxs;
    case Format::iq3_s:
      return scalar::dequantize_iq3_s;
    case Format::iq1_s:
      return scalar::dequantize_iq1_s;
    case Format::iq1_m:
      return scalar::dequantize_iq1_m;
    case Format::iq4_nl:
      return scalar::dequantize_iq4_nl;
    case Format::iq4_xs:
      return scalar::dequantize_iq4_xs;
    case Format::tq1_0:
      return scalar::dequantize_tq1_0;
    case Format::tq2_0:
      return scalar::dequantize_tq2_0;
    case Format::mxfp4:
      return scalar::dequantize_mxfp4;
    case Format::nvfp4:
      return scalar::dequantize_nvfp4;
    default:
      return nullptr;
  }
}

}  // namespace

void dequantize_row(Format format, const void* blocks, float* out, int64_t n) noexcept {
  const auto* from = static_cast<const uint8_t*>(blocks);
  const auto to_float = [](auto value) { return static_cast<float>(value); };
  switch (format) {
    case Format::f32:
      return each<float>(from, out, n, to_float);
    case Format::f16:
      return each<uint16_t>(from, out, n, f16_to_f32);
    case Format::bf16:
      return each<uint16_t>(from, out, n, bf16_to_f32);
    case Format::f64:
      return each<double>(from, out, n, to_float);
    case Format::i8:
      return each<int8_t>(from, out, n, to_float);
    case Format::i16:
      return each<int16_t>(from, out, n, to_float);
    case Format::i32:
      return each<int32_t>(from, out, n, to_float);
    case Format::i64:
      return each<int64_t>(from, out, n, to_float);
    case Format::fp8:
      return each<uint8_t>(from, out, n, e4m3_to_f32);
    default:
      break;
  }
  const FormatInfo& info = format_info(format);
  const BlockFunction dequantize = block_function(format);
  for (int64_t i = 0; i < n; i += info.block_size, from += info.block_bytes)
    dequantize(from, out + i);
}

}  // namespace deepseek::kernels
