// SPDX-License-Identifier: Apache-2.0
#include "ops/linear.h"

#include <algorithm>

#include "ops/matmul.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

/// Floats of a weight that a backward pass holds dequantised at a time.
constexpr int64_t backward_piece = int64_t{1} << 22;

Tensor output_for(const Tensor& x, const Weight& weight) {
  if (x.rank() < 1 || x.dim(-1) != weight.cols())
    fail(ErrorKind::invalid_input, "linear: expected [..., ", weight.cols(), "], got ",
         shape_text(x.shape()));
  Shape shape = x.shape();
  shape.back() = weight.rows();
  return Tensor::empty(std::move(shape));
}

LinearJob job_for(const Tensor& x, const Weight& weight, const Tensor& out) {
  return {.weight = &weight,
          .x = x.data(),
          .x_stride = x.dim(-1),
          .rows = x.rows(),
          .out = out.data(),
          .out_stride = weight.rows()};
}

/// d_x = d_out W, summed over pieces of the weight's rows in order.
Tensor gradient_of_x(const Tensor& d_out, const Weight& weight, const Shape& x_shape) {
  const Tensor d_x = Tensor::zeros(x_shape);
  const bool dense = weight.format() == Format::f32 && weight.layout() == Weight::Layout::rows;
  const int64_t piece = std::max<int64_t>(1, backward_piece / weight.cols());
  for (int64_t first = 0; first < weight.rows(); first += piece) {
    const int64_t depth = std::min(piece, weight.rows() - first);
    const Tensor rows = dense ? Tensor() : weight.dequantized_rows(first, depth);
    const float* values =
        dense ? reinterpret_cast<const float*>(weight.data()) + first * weight.cols() : rows.data();
    run_matmul({.a = d_out.data() + first,
                .a_stride = weight.rows(),
                .b = values,
                .out = d_x.data(),
                .rows = d_out.rows(),
                .depth = depth,
                .cols = weight.cols(),
                .accumulate = first > 0});
  }
  return d_x;
}

/// d_weight = d_out^T x, in pieces of the weight's rows.
Tensor gradient_of_weight(const Tensor& d_out, const Tensor& x) {
  const int64_t outputs = d_out.dim(-1), cols = x.dim(-1), rows = x.rows();
  const Tensor d_weight = Tensor::zeros({outputs, cols});
  if (rows == 0) return d_weight;
  const int64_t piece = std::min(outputs, std::max<int64_t>(16, backward_piece / rows));
  const Tensor turned = Tensor::empty({piece, rows});
  for (int64_t first = 0; first < outputs; first += piece) {
    const int64_t count = std::min(piece, outputs - first);
    transpose(d_out.data() + first, rows, count, outputs, turned.data());
    run_matmul({.a = turned.data(),
                .a_stride = rows,
                .b = x.data(),
                .out = d_weight.data() + first * cols,
                .rows = count,
                .depth = rows,
                .cols = cols});
  }
  return d_weight;
}

Tensor record_linear(const Tensor& out, const Tensor& x, const Weight& weight) {
  const Tensor& parameter = weight.tensor();
  const bool wants_x = is_recording({&x});
  const bool wants_weight = parameter.defined() && is_recording({&parameter});
  if (!wants_x && !wants_weight) return out;
  std::vector<Tensor> inputs{x};
  if (wants_weight) inputs.push_back(parameter);
  return record(out, std::move(inputs), [=](const Tensor& d_out) -> Gradients {
    Gradients gradients;
    gradients.push_back(wants_x ? gradient_of_x(d_out, weight, x.shape()) : Tensor());
    if (wants_weight) gradients.push_back(gradient_of_weight(d_out, x));
    return gradients;
  });
}

}  // namespace

Tensor linear(const Tensor& x, const Weight& weight) {
  const Tensor out = output_for(x, weight);
  const LinearJob job = job_for(x, weight, out);
  run_linear({&job, 1});
  return record_linear(out, x, weight);
}

std::vector<Tensor> linear_many(const Tensor& x, std::span<const Weight* const> weights) {
  std::vector<Tensor> outs;
  std::vector<LinearJob> jobs;
  for (const Weight* weight : weights) {
    outs.push_back(output_for(x, *weight));
    jobs.push_back(job_for(x, *weight, outs.back()));
  }
  run_linear(jobs);
  for (size_t i = 0; i < outs.size(); ++i) outs[i] = record_linear(outs[i], x, *weights[i]);
  return outs;
}

}  // namespace deepseek
