// SPDX-License-Identifier: Apache-2.0
#include "formats/fp8_blocks.h"

#include <cmath>

#include "core/error.h"

namespace deepseek {

Tensor fp8_scales(const Tensor& stored, int64_t rows, int64_t cols, int64_t block_rows,
                  int64_t block_cols, std::string_view name, const std::filesystem::path& path) {
  const auto refuse = [&](const auto&... parts) {
    fail(ErrorKind::bad_file, path.string(), ": tensor ", printable(name), ": ", parts...);
  };
  if (block_rows < 1 || block_cols < 1)
    refuse("expected blocks of at least 1 x 1, got ", block_rows, " x ", block_cols,
           "; correct weight_block_size in config.json");
  const DType dtype = stored.dtype();
  if (dtype != DType::f32 && dtype != DType::bf16 && dtype != DType::e8m0)
    refuse("expected scales of type F32, BF16 or F8_E8M0, got ", safetensors_name(dtype),
           "; download the checkpoint again");
  const Shape expected{rows / block_rows + (rows % block_rows != 0),
                       cols / block_cols + (cols % block_cols != 0)};
  if (stored.shape() != expected)
    refuse("expected shape ", shape_text(expected), " for a weight of ", rows, " x ", cols,
           " in blocks of ", block_rows, " x ", block_cols, ", got ", shape_text(stored.shape()),
           "; weight_block_size in config.json is wrong or the file damaged");
  Tensor scales = stored.to_f32();
  const float* values = scales.data();
  for (int64_t i = 0; i < scales.numel(); ++i)
    if (!std::isfinite(values[i]) || values[i] < 0)
      refuse("expected finite scales of at least 0, got ", values[i], " at [", i / expected[1],
             ", ", i % expected[1], "]; the file is damaged, download it again");
  return scales;
}

}  // namespace deepseek
