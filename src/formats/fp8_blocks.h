// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "tensor/tensor.h"

namespace deepseek {

/// The scales of an e4m3 weight [rows, cols], `<name>_scale_inv` of a DeepSeek-V3 checkpoint:
/// weight = e4m3(q) * scale[row / block_rows, col / block_cols] (they multiply despite the name;
/// DeepSeek-V3/inference/kernel.py, weight_dequant). The last blocks of a row or column may be cut.
/// Answers them as f32. Throws bad_file naming `path` and the tensor unless `stored` is F32, BF16
/// or F8_E8M0 (`scale_fmt` ue8m0) of shape [ceil(rows / block_rows), ceil(cols / block_cols)], all
/// finite and none negative.
Tensor fp8_scales(const Tensor& stored, int64_t rows, int64_t cols, int64_t block_rows,
                  int64_t block_cols, std::string_view name, const std::filesystem::path& path);

}  // namespace deepseek
