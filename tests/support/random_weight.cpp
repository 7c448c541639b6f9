// SPDX-License-Identifier: Apache-2.0
#include "tests/support/random_weight.h"

#include <cmath>
#include <cstring>

#include "core/random.h"
#include "tensor/float_convert.h"

namespace deepseek::test {
namespace {

/// Offsets of the f16 fields in a block.
std::vector<int64_t> half_fields(Format format) {
  switch (format) {
    case Format::q4_0:
    case Format::q5_0:
    case Format::q8_0:
    case Format::iq4_nl:
    case Format::iq4_xs:
      return {0};
    case Format::q4_1:
    case Format::q5_1:
    case Format::q4_k:
    case Format::q5_k:
      return {0, 2};
    case Format::q2_k:
      return {80, 82};
    case Format::q3_k:
      return {108};
    case Format::q6_k:
      return {208};
    default:
      return {};
  }
}

void fill_blocks(Format format, const CounterRandom& random, Storage& storage) {
  const FormatInfo& info = format_info(format);
  for (int64_t i = 0; i < storage.size_bytes(); ++i)
    storage.data()[i] = std::byte(random.block(uint64_t(i))[0]);
  for (int64_t block = 0; block < storage.size_bytes(); block += info.block_bytes)
    for (const int64_t field : half_fields(format)) {
      const uint16_t half = f32_to_f16(float(0.02 * random.normal(uint64_t(block + field))));
      std::memcpy(storage.data() + block + field, &half, 2);
    }
}

void fill_dense(Format format, const CounterRandom& random, int64_t count, std::byte* out) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = float(random.normal(uint64_t(i)));
    const uint16_t half = format == Format::f16 ? f32_to_f16(value) : f32_to_bf16(value);
    if (format == Format::f32) {
      std::memcpy(out + 4 * i, &value, 4);
    } else if (format == Format::fp8) {
      out[i] = std::byte(f32_to_e4m3(value));
    } else {
      std::memcpy(out + 2 * i, &half, 2);
    }
  }
}

}  // namespace

std::vector<float> random_values(int64_t count, uint64_t seed) {
  const CounterRandom random(seed, 1);
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(random.normal(i));
  return values;
}

Weight random_weight(Format format, int64_t rows, int64_t cols, uint64_t seed, int64_t block_rows,
                     int64_t block_cols) {
  const CounterRandom random(seed, 2);
  const auto storage = Storage::allocate(rows * format_info(format).row_bytes(cols));
  if (format_info(format).block_size > 1)
    fill_blocks(format, random, *storage);
  else
    fill_dense(format, random, rows * cols, storage->data());
  if (format != Format::fp8) return Weight::from_rows(format, rows, cols, storage, 0);
  const int64_t down = (rows + block_rows - 1) / block_rows;
  const int64_t across = (cols + block_cols - 1) / block_cols;
  const Tensor scales = Tensor::from({down, across}, random_values(down * across, seed + 1));
  return Weight::from_rows(format, rows, cols, storage, 0,
                           BlockScales{scales, block_rows, block_cols});
}

std::vector<Format> linear_formats() {
  std::vector<Format> formats;
  for (const FormatInfo& info : all_formats())
    if (has_linear_kernel(info.format)) formats.push_back(info.format);
  return formats;
}

}  // namespace deepseek::test
