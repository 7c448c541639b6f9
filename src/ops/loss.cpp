// SPDX-License-Identifier: Apache-2.0
#include "ops/loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "kernels/exp_rows.h"
#include "kernels/log_sum_exp.h"
#include "ops/elementwise.h"
#include "ops/linear.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

int64_t count_labels(std::string_view op, std::span<const int64_t> labels, int64_t rows,
                     int64_t vocab) {
  if (static_cast<int64_t>(labels.size()) != rows)
    fail(ErrorKind::invalid_input, op, ": labels: expected ", rows, ", got ", labels.size());
  int64_t count = 0;
  for (const int64_t label : labels) {
    if (label == ignored_label) continue;
    if (label < 0 || label >= vocab)
      fail(ErrorKind::invalid_input, op, ": label: expected 0 to ", vocab - 1, " or -100, got ",
           label);
    ++count;
  }
  return count;
}

struct RowSums {
  std::vector<float> max;
  std::vector<double> sum;
};

RowSums row_sums(const Tensor& logits) {
  const int64_t vocab = logits.dim(1);
  RowSums out{std::vector<float>(static_cast<size_t>(logits.dim(0))),
              std::vector<double>(static_cast<size_t>(logits.dim(0)))};
  const auto& kernel = kernels::log_sum_exp_f32.best();
  for_rows(logits.dim(0), 8 * vocab, [&](int64_t begin, int64_t end) {
    kernel.run({logits.data() + begin * vocab, out.max.data() + begin, out.sum.data() + begin,
                end - begin, vocab});
  });
  return out;
}

double log_prob(const Tensor& logits, const RowSums& sums, int64_t row, int64_t label) {
  const size_t r = static_cast<size_t>(row);
  const float logit = logits.data()[row * logits.dim(1) + label];
  return double{logit} - sums.max[r] - std::log(sums.sum[r]);
}

/// (softmax(logits) - onehot(label)) * scale, zero for rows left out.
Tensor logit_gradient(const Tensor& logits, std::span<const int64_t> labels, double scale) {
  const int64_t vocab = logits.dim(1);
  const RowSums sums = row_sums(logits);
  const Tensor out = Tensor::empty_like(logits);
  const auto& kernel = kernels::exp_rows_f32.best();
  for_rows(logits.dim(0), 8 * vocab, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t label = labels[static_cast<size_t>(r)];
      float* d = out.data() + r * vocab;
      if (label == ignored_label) {
        std::fill_n(d, vocab, 0.0f);
        continue;
      }
      const float factor = static_cast<float>(scale / sums.sum[static_cast<size_t>(r)]);
      kernel.run(
          {logits.data() + r * vocab, &sums.max[static_cast<size_t>(r)], &factor, d, 1, vocab});
      d[label] -= static_cast<float>(scale);
    }
  });
  return out;
}

/// Sum of the rows' cross-entropies divided by `count`.
Tensor summed_cross_entropy(const Tensor& logits, std::span<const int64_t> labels, int64_t count) {
  const RowSums sums = row_sums(logits);
  double total = 0;
  for (int64_t r = 0; r < logits.dim(0); ++r) {
    const int64_t label = labels[static_cast<size_t>(r)];
    if (label != ignored_label) total -= log_prob(logits, sums, r, label);
  }
  const double divisor = static_cast<double>(std::max<int64_t>(count, 1));
  const Tensor loss = Tensor::full({1}, static_cast<float>(total / divisor));
  return record(loss, {logits},
                [logits, divisor, kept = std::vector(labels.begin(), labels.end())](
                    const Tensor& d_loss) -> Gradients {
                  return {logit_gradient(logits, kept, d_loss.item() / divisor)};
                });
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, std::span<const int64_t> labels) {
  require_rank("cross_entropy", "logits", logits, 2);
  const int64_t count = count_labels("cross_entropy", labels, logits.dim(0), logits.dim(1));
  return summed_cross_entropy(logits, labels, count);
}

Tensor head_cross_entropy(const Tensor& hidden, const Weight& head, std::span<const int64_t> labels,
                          int64_t logits_per_chunk) {
  require_rank("head_cross_entropy", "hidden", hidden, 2);
  const int64_t rows = hidden.dim(0);
  const int64_t count = count_labels("head_cross_entropy", labels, rows, head.rows());
  const int64_t chunk = std::max<int64_t>(1, logits_per_chunk / head.rows());
  Tensor loss = Tensor::zeros({1});
  for (int64_t begin = 0; begin < rows; begin += chunk) {
    const int64_t end = std::min(begin + chunk, rows);
    const std::vector<int64_t> part(labels.begin() + begin, labels.begin() + end);
    loss = add(loss, recompute({slice_rows(hidden, begin, end)},
                               [head, part, count](const std::vector<Tensor>& inputs) {
                                 return summed_cross_entropy(linear(inputs[0], head), part, count);
                               }));
  }
  return loss;
}

std::vector<double> token_log_probs(const Tensor& logits, std::span<const int64_t> labels) {
  require_rank("token_log_probs", "logits", logits, 2);
  count_labels("token_log_probs", labels, logits.dim(0), logits.dim(1));
  const RowSums sums = row_sums(logits);
  std::vector<double> out;
  for (int64_t r = 0; r < logits.dim(0); ++r) {
    const int64_t label = labels[static_cast<size_t>(r)];
    out.push_back(label == ignored_label ? std::numeric_limits<double>::quiet_NaN()
                                         : log_prob(logits, sums, r, label));
  }
  return out;
}

}  // namespace deepseek
