// SPDX-License-Identifier: Apache-2.0
#include "model/placing_source.h"

#include "ops/block_scales.h"
#include "ops/tape.h"

namespace deepseek {

PlacingSource::PlacingSource(ParamSource& inner, Placement placement, NoticeSink notice,
                             ProgressSink progress, int64_t total_bytes)
    : inner_(inner),
      placement_(placement),
      notice_(std::move(notice)),
      progress_(std::move(progress)),
      total_bytes_(total_bytes) {}

void PlacingSource::count(const Weight& raw) {
  done_bytes_ += raw.size_bytes();
  if (progress_) progress_({"loading", done_bytes_, total_bytes_, "bytes"});
}

Weight PlacingSource::as_trainable(const std::string& name, const Weight& raw) {
  const Tensor parameter = as_parameter(raw.dequantized_rows(0, raw.rows()));
  parameters_.push_back({name, parameter});
  return Weight::from_tensor(parameter);
}

void PlacingSource::check(const std::string& name, const Weight& rows, int64_t first) const {
  if (const std::optional<int64_t> row = row_with_bad_scale(rows))
    fail(ErrorKind::bad_file, inner_.described(name), ": expected finite scales of its ",
         format_info(rows.format()).name, " blocks, got NaN or infinity in row ", first + *row,
         "; the file is damaged, download it again");
}

Weight PlacingSource::place(const std::string& name, const Weight& raw, Use use) {
  // A native matrix is checked as it is packed; a mapped one would have to be read for it.
  const bool packs = placement_ == Placement::native && use == Use::linear;
  if (placement_ != Placement::mapped && !packs) check(name, raw, 0);
  switch (placement_) {
    case Placement::trainable:
      return as_trainable(name, raw);
    case Placement::mapped:
      return raw;
    case Placement::reference: {
      const Weight dense = raw.dequantized();
      return use == Use::linear ? dense.packed(&arena_) : dense;
    }
    case Placement::native:
      break;
  }
  if (use == Use::gather) {
    inner_.release(raw);
    return raw;
  }
  if (!has_linear_kernel(raw.format())) {
    widened_bytes_ += raw.rows() * raw.cols() * 4 - raw.size_bytes();
    if (notice_)
      notice_(concat(name, ": ", format_info(raw.format()).name,
                     " has no kernel of its own and is held as f32: ", size_text(raw.size_bytes()),
                     " in the file, ", size_text(raw.rows() * raw.cols() * 4), " in memory"));
  }
  int64_t first = 0;
  return raw.packed(&arena_, [&](const Weight& rows) {
    check(name, rows, first);
    first += rows.rows();
    inner_.release(rows);
  });
}

Weight PlacingSource::weight(const std::string& name, int64_t rows, int64_t cols, Use use) {
  const Weight raw = inner_.weight(name, rows, cols, use);
  const Weight placed = place(name, raw, use);
  count(raw);
  return placed.with_activation_bits(activation_bits_);
}

Tensor PlacingSource::vector(const std::string& name, int64_t size) {
  Tensor value = inner_.vector(name, size);
  if (placement_ != Placement::trainable) return value;
  const Tensor parameter = as_parameter(value);
  parameters_.push_back({name, parameter});
  return parameter;
}

Tensor PlacingSource::buffer(const std::string& name, int64_t size) {
  return inner_.buffer(name, size);
}

LatentUpWeights PlacingSource::latent_up(const std::string& prefix, int64_t heads, int64_t nope,
                                         int64_t v, int64_t rank) {
  LatentUpWeights raw = inner_.latent_up(prefix, heads, nope, v, rank);
  if (placement_ == Placement::trainable && raw.fused.defined())
    raw.fused = as_trainable(prefix + ".kv_b_proj.weight", raw.fused);
  return raw;
}

void PlacingSource::release(const Weight& raw) {
  // What is mapped to be computed with stays.
  if (placement_ == Placement::native || placement_ == Placement::reference) inner_.release(raw);
}

Weight PlacingSource::placed(Weight derived) {
  derived = derived.with_activation_bits(activation_bits_);
  switch (placement_) {
    case Placement::trainable:
    case Placement::mapped:
      return derived;
    case Placement::reference:
      return derived.dequantized().packed(&arena_);
    case Placement::native:
      break;
  }
  return derived.packed(&arena_);
}

}  // namespace deepseek
