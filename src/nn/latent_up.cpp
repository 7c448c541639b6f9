// SPDX-License-Identifier: Apache-2.0
#include "nn/latent_up.h"

#include <algorithm>

#include "ops/linear.h"
#include "ops/shape.h"

namespace deepseek {
namespace {

/// Rows [first, first + count) in the format of the whole where that can be cut there, else as f32.
Weight part(const Weight& whole, int64_t first, int64_t count) {
  if (whole.can_slice_at(first)) return whole.row_slice(first, count);
  return Weight::from_tensor(whole.dequantized_rows(first, count));
}

/// The fused matrix from its split heads.
Tensor join_heads(const LatentUpWeights& split, const LatentUp::Config& c) {
  const Tensor out = Tensor::empty({c.heads * (c.nope + c.v), c.rank});
  float* to = out.data();
  for (size_t head = 0; head < split.k_heads.size(); ++head) {
    const Weight k = split.k_heads[head].dequantized().transposed();
    to = std::ranges::copy(k.dequantized_rows(0, c.nope).values(), to).out;
    to = std::ranges::copy(split.v_heads[head].dequantized_rows(0, c.v).values(), to).out;
  }
  return out;
}

}  // namespace

LatentUp::LatentUp(ParamSource& source, const std::string& prefix, const Config& config)
    : config_(config) {
  const LatentUpWeights raw =
      source.latent_up(prefix, config.heads, config.nope, config.v, config.rank);
  if (config.expanded)
    fused_ = raw.fused.defined() ? source.placed(raw.fused)
                                 : source.placed(Weight::from_tensor(join_heads(raw, config)));
  if (config.absorbed) take_heads(source, raw);
  if (raw.fused.defined()) source.release(raw.fused);
  for (const Weight& head : raw.k_heads) source.release(head);
  for (const Weight& head : raw.v_heads) source.release(head);
}

void LatentUp::take_heads(ParamSource& source, const LatentUpWeights& raw) {
  if (!raw.fused.defined()) {
    for (const Weight& head : raw.k_heads) k_heads_.push_back(source.placed(head));
    for (const Weight& head : raw.v_heads) v_heads_.push_back(source.placed(head));
    return;
  }
  for (int64_t head = 0; head < config_.heads; ++head) {
    const int64_t first = head * (config_.nope + config_.v);
    k_heads_.push_back(source.placed(part(raw.fused, first, config_.nope).transposed()));
    v_heads_.push_back(source.placed(part(raw.fused, first + config_.nope, config_.v)));
  }
}

Tensor LatentUp::expand(const Tensor& latent_tr) const {
  return reshape(linear(latent_tr, fused_),
                 {latent_tr.dim(0), config_.heads, config_.nope + config_.v});
}

Tensor LatentUp::absorb_query(const Tensor& q_nope, const Tensor& q_pe) const {
  const int64_t tokens = q_nope.dim(0), rope = q_pe.dim(2), width = config_.rank + rope;
  const Tensor out = Tensor::empty({tokens, config_.heads, width});
  std::vector<LinearJob> jobs;
  jobs.reserve(static_cast<size_t>(config_.heads));
  for (int64_t head = 0; head < config_.heads; ++head)
    jobs.push_back({.weight = &k_heads_[static_cast<size_t>(head)],
                    .x = q_nope.data() + head * config_.nope,
                    .x_stride = config_.heads * config_.nope,
                    .rows = tokens,
                    .out = out.data() + head * width,
                    .out_stride = config_.heads * width});
  run_linear(jobs);
  for (int64_t row = 0; row < tokens * config_.heads; ++row)
    std::copy_n(q_pe.data() + row * rope, rope, out.data() + row * width + config_.rank);
  return out;
}

Tensor LatentUp::project_values(const Tensor& context_thr) const {
  const int64_t tokens = context_thr.dim(0);
  const Tensor out = Tensor::empty({tokens, config_.heads, config_.v});
  std::vector<LinearJob> jobs;
  jobs.reserve(static_cast<size_t>(config_.heads));
  for (int64_t head = 0; head < config_.heads; ++head)
    jobs.push_back({.weight = &v_heads_[static_cast<size_t>(head)],
                    .x = context_thr.data() + head * config_.rank,
                    .x_stride = config_.heads * config_.rank,
                    .rows = tokens,
                    .out = out.data() + head * config_.v,
                    .out_stride = config_.heads * config_.v});
  run_linear(jobs);
  return out;
}

}  // namespace deepseek
