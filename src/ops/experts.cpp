// SPDX-License-Identifier: Apache-2.0
#include "ops/experts.h"

#include <vector>

#include "core/error.h"
#include "kernels/expert_combine.h"
#include "kernels/swiglu.h"
#include "ops/elementwise.h"
#include "ops/linear.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

/// Token-expert pairs ordered by expert, then token.
struct Grouping {
  std::vector<int64_t> tokens;  // [pairs] token of each pair
  std::vector<int64_t> slots;   // [T * K] pair of each token's k-th expert
  std::vector<int64_t> begins;  // [E + 1] first pair of each expert
};

Grouping group_by_expert(const Routing& routing, int64_t experts) {
  Grouping out;
  out.begins.resize(static_cast<size_t>(experts) + 1);
  for (const int32_t e : routing.indices) {
    if (e < 0 || e >= experts)
      fail(ErrorKind::invalid_input, "experts: index: expected 0 to ", experts - 1, ", got ", e);
    ++out.begins[static_cast<size_t>(e) + 1];
  }
  for (size_t e = 1; e < out.begins.size(); ++e) out.begins[e] += out.begins[e - 1];
  std::vector<int64_t> next = out.begins;
  out.tokens.resize(routing.indices.size());
  for (size_t i = 0; i < routing.indices.size(); ++i) {
    const int64_t slot = next[static_cast<size_t>(routing.indices[i])]++;
    out.slots.push_back(slot);
    out.tokens[static_cast<size_t>(slot)] = static_cast<int64_t>(i) / routing.experts_per_token;
  }
  return out;
}

/// out[t] = sum over k of weights[t, k] * values[slots[t, k]].
Tensor combine(const Tensor& values, const Tensor& weights, const std::vector<int64_t>& slots) {
  const int64_t tokens = weights.dim(0), chosen = weights.dim(1), dim = values.dim(1);
  const Tensor out = Tensor::empty({tokens, dim});
  const auto& kernel = kernels::expert_combine_f32.best();
  for_rows(tokens, chosen * dim, [&](int64_t begin, int64_t end) {
    kernel.run({values.data(), slots.data() + begin * chosen, weights.data() + begin * chosen,
                out.data() + begin * dim, end - begin, chosen, dim});
  });
  return record(out, {values, weights},
                [values, weights, slots, chosen, dim](const Tensor& d_out) -> Gradients {
                  const Tensor d_values = Tensor::empty_like(values);
                  const Tensor d_weights = Tensor::empty_like(weights);
                  for (int64_t i = 0; i < d_weights.numel(); ++i) {
                    const int64_t at = slots[static_cast<size_t>(i)] * dim;
                    const float* d = d_out.data() + i / chosen * dim;
                    const float weight = weights.data()[i];
                    double dot = 0;
                    for (int64_t c = 0; c < dim; ++c) {
                      dot += double{d[c]} * values.data()[at + c];
                      d_values.data()[at + c] = weight * d[c];
                    }
                    d_weights.data()[i] = static_cast<float>(dot);
                  }
                  return {d_values, d_weights};
                });
}

/// The same values as run_grouped, from recorded ops.
Tensor run_recorded(const Tensor& x, const Grouping& grouping,
                    std::span<const ExpertWeights> weights) {
  std::vector<Tensor> outputs;
  for (size_t e = 0; e < weights.size(); ++e) {
    const int64_t begin = grouping.begins[e], rows = grouping.begins[e + 1] - begin;
    const Tensor x_rows =
        gather_rows(x, {grouping.tokens.data() + begin, static_cast<size_t>(rows)});
    const Weight* const inputs[] = {&weights[e].gate, &weights[e].up};
    const std::vector<Tensor> hidden = linear_many(x_rows, inputs);
    outputs.push_back(linear(swiglu(hidden[0], hidden[1]), weights[e].down));
  }
  return concat_rows(outputs);
}

Tensor run_grouped(const Tensor& x, const Grouping& grouping,
                   std::span<const ExpertWeights> weights) {
  const int64_t pairs = static_cast<int64_t>(grouping.tokens.size()), dim = x.dim(1);
  const int64_t width = weights[0].gate.rows();
  const Tensor gate = Tensor::empty({pairs, width}), up = Tensor::empty({pairs, width});
  const Tensor out = Tensor::empty({pairs, dim});
  std::vector<LinearJob> first, second;
  for (size_t e = 0; e < weights.size(); ++e) {
    const int64_t begin = grouping.begins[e], rows = grouping.begins[e + 1] - begin;
    if (rows == 0) continue;
    const int64_t* tokens = grouping.tokens.data() + begin;
    first.push_back(
        {&weights[e].gate, x.data(), dim, tokens, rows, gate.data() + begin * width, width});
    first.push_back(
        {&weights[e].up, x.data(), dim, tokens, rows, up.data() + begin * width, width});
    second.push_back({&weights[e].down, gate.data() + begin * width, width, nullptr, rows,
                      out.data() + begin * dim, dim});
  }
  run_linear(first);
  const auto& kernel = kernels::swiglu_f32.best();
  for_rows(pairs, 8 * width, [&](int64_t begin, int64_t end) {
    float* hidden = gate.data() + begin * width;
    kernel.run({hidden, up.data() + begin * width, hidden, (end - begin) * width});
  });
  run_linear(second);
  return out;
}

void require_weights(std::span<const ExpertWeights> weights, int64_t dim) {
  if (weights.empty()) fail(ErrorKind::invalid_input, "experts: expected at least one expert");
  const int64_t width = weights[0].gate.rows();
  const auto require = [&](const Weight& w, std::string_view name, size_t e, int64_t rows,
                           int64_t cols) {
    if (w.rows() != rows || w.cols() != cols)
      fail(ErrorKind::invalid_input, "experts: expert ", e, " ", name, ": expected [", rows, ", ",
           cols, "], got [", w.rows(), ", ", w.cols(), "]");
  };
  for (size_t e = 0; e < weights.size(); ++e) {
    require(weights[e].gate, "gate", e, width, dim);
    require(weights[e].up, "up", e, width, dim);
    require(weights[e].down, "down", e, dim, width);
  }
}

}  // namespace

Tensor experts(const Tensor& x, const Routing& routing, std::span<const ExpertWeights> weights) {
  require_rank("experts", "x", x, 2);
  require_weights(weights, x.dim(1));
  require_shape("experts", "routing weights", routing.weights,
                {x.dim(0), routing.experts_per_token});
  if (x.dim(0) == 0) return Tensor::empty(x.shape());
  const Grouping grouping = group_by_expert(routing, static_cast<int64_t>(weights.size()));
  const Tensor values = Tape::current() != nullptr ? run_recorded(x, grouping, weights)
                                                   : run_grouped(x, grouping, weights);
  return combine(values, routing.weights, grouping.slots);
}

}  // namespace deepseek
