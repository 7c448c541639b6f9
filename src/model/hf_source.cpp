// SPDX-License-Identifier: Apache-2.0
#include "model/hf_source.h"

#include "core/error.h"
#include "formats/fp8_blocks.h"

namespace deepseek {
namespace {

std::optional<Format> matrix_format(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return Format::f32;
    case DType::bf16:
      return Format::bf16;
    case DType::f16:
      return Format::f16;
    case DType::e4m3:
      return Format::fp8;
    default:
      return std::nullopt;
  }
}

bool is_float_vector(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16 || dtype == DType::f64;
}

int64_t blocks(int64_t size, int64_t block) { return (size + block - 1) / block; }

}  // namespace

HfSource::HfSource(Checkpoint checkpoint, const ModelConfig& config)
    : checkpoint_(std::move(checkpoint)), fp8_(config.fp8) {}

const SafetensorsEntry& HfSource::entry(const std::string& name, const Shape& shape) const {
  const SafetensorsEntry* found = checkpoint_.find(name);
  if (found == nullptr)
    fail(ErrorKind::bad_file, checkpoint_.file_of(name).string(), ": tensor ", name, ": expected ",
         shape_text(shape), ", got no such tensor; the files are incomplete or config.json is ",
         "another model's");
  if (found->shape != shape)
    fail(ErrorKind::bad_file, checkpoint_.file_of(name).string(), ": tensor ", name,
         ": expected shape ", shape_text(shape), ", got ", shape_text(found->shape),
         "; the file is damaged or config.json is another model's");
  used_.insert(name);
  return *found;
}

std::vector<std::string> HfSource::unused() const {
  std::vector<std::string> names;
  for (const std::string_view name : checkpoint_.names())
    if (!used_.contains(std::string(name))) names.emplace_back(name);
  return names;
}

BlockScales HfSource::scales(const std::string& name, int64_t rows, int64_t cols) const {
  if (!fp8_)
    fail(ErrorKind::bad_file, checkpoint_.file_of(name).string(), ": tensor ", name,
         ": expected a type that config.json announces, got F8_E4M3 without quantization_config; "
         "take config.json from the same publication");
  BlockScales scales;
  scales.block_rows = fp8_->block_rows;
  scales.block_cols = fp8_->block_cols;
  const std::string scale_name = name + "_scale_inv";
  entry(scale_name, {blocks(rows, scales.block_rows), blocks(cols, scales.block_cols)});
  scales.values = fp8_scales(checkpoint_.tensor(scale_name), rows, cols, scales.block_rows,
                             scales.block_cols, scale_name, checkpoint_.file_of(scale_name));
  return scales;
}

Weight HfSource::weight(const std::string& name, int64_t rows, int64_t cols, Use /*use*/) {
  const SafetensorsEntry& stored = entry(name, {rows, cols});
  const std::optional<Format> format = matrix_format(stored.dtype);
  if (!format)
    fail(ErrorKind::bad_file, checkpoint_.file_of(name).string(), ": tensor ", name,
         ": expected F32, BF16, F16 or F8_E4M3, got ", safetensors_name(stored.dtype));
  std::optional<BlockScales> block_scales;
  if (*format == Format::fp8) block_scales = scales(name, rows, cols);
  const Tensor mapped = checkpoint_.tensor(name);
  return Weight::from_rows(*format, rows, cols, mapped.storage(),
                           mapped.bytes() - mapped.storage()->data(), std::move(block_scales));
}

Tensor HfSource::vector(const std::string& name, int64_t size) {
  const SafetensorsEntry& stored = entry(name, {size});
  if (!is_float_vector(stored.dtype))
    fail(ErrorKind::bad_file, checkpoint_.file_of(name).string(), ": tensor ", name,
         ": expected F32, BF16 or F16, got ", safetensors_name(stored.dtype));
  return checkpoint_.tensor(name).to_f32();
}

LatentUpWeights HfSource::latent_up(const std::string& prefix, int64_t heads, int64_t nope,
                                    int64_t v, int64_t rank) {
  LatentUpWeights up;
  up.fused = weight(prefix + ".kv_b_proj.weight", heads * (nope + v), rank, Use::linear);
  return up;
}

std::string HfSource::described(const std::string& name) const {
  return concat(checkpoint_.path().string(), ": tensor ", name);
}

void HfSource::release(const Weight& raw) {
  checkpoint_.release(raw.row_bytes());
  if (!raw.scales()) return;
  const Tensor& scales = raw.scales()->values;
  checkpoint_.release({scales.bytes(), static_cast<size_t>(scales.size_bytes())});
}

}  // namespace deepseek
