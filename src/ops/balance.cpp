// SPDX-License-Identifier: Apache-2.0
#include "ops/balance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "ops/rows.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

/// Scores of one token, which sum to 1.
std::vector<double> token_scores(const float* logits, int64_t experts, RouterScoring scoring) {
  std::vector<double> s(logits, logits + experts);
  const double max = *std::ranges::max_element(s);
  for (double& v : s)
    v = scoring == RouterScoring::softmax ? std::exp(v - max) : 1 / (1 + std::exp(-v));
  const double sum = std::accumulate(s.begin(), s.end(), 0.0);
  for (double& v : s) v /= sum;
  return s;
}

void require_filled_spans(std::span<const Span> spans, int64_t rows) {
  int64_t next = 0;
  for (const Span& span : spans) {
    if (span.first_row != next || span.length < 1)
      fail(ErrorKind::invalid_input, "balance_loss: spans: expected the next one at row ", next,
           " with at least one row, got row ", span.first_row, " with length ", span.length);
    next += span.length;
  }
  if (next != rows)
    fail(ErrorKind::invalid_input, "balance_loss: spans: expected ", rows, " rows, got ", next);
}

/// d_score_e = alpha f_e / (sequences T). Both scorings divide by a sum S, s = u / S, so
/// d_logit = u' / S * (d_s - sum(d_s * s)), with u' / S = s for softmax and s (1 - sigmoid) for
/// sigmoid.
Tensor balance_backward(const Tensor& logits, const std::vector<double>& f,
                        std::span<const Span> spans, RouterScoring scoring, double factor) {
  const int64_t experts = logits.dim(1);
  const Tensor out = Tensor::empty_like(logits);
  for (size_t b = 0; b < spans.size(); ++b) {
    const double* f_b = f.data() + static_cast<int64_t>(b) * experts;
    const double scale =
        factor / static_cast<double>(spans.size()) / static_cast<double>(spans[b].length);
    for (int64_t t = spans[b].first_row; t < spans[b].first_row + spans[b].length; ++t) {
      const float* x = logits.data() + t * experts;
      const std::vector<double> s = token_scores(x, experts, scoring);
      const double dot = std::inner_product(s.begin(), s.end(), f_b, 0.0);
      for (int64_t e = 0; e < experts; ++e) {
        const double slope =
            scoring == RouterScoring::softmax ? 1 : 1 - 1 / (1 + std::exp(-double{x[e]}));
        out.data()[t * experts + e] =
            static_cast<float>(scale * s[static_cast<size_t>(e)] * slope * (f_b[e] - dot));
      }
    }
  }
  return out;
}

}  // namespace

BalanceTerms balance_terms(const Tensor& logits, const Routing& routing,
                           std::span<const Span> spans, RouterScoring scoring) {
  require_rank("balance_loss", "logits", logits, 2);
  require_filled_spans(spans, logits.dim(0));
  if (routing.tokens() != logits.dim(0))
    fail(ErrorKind::invalid_input, "balance_loss: routing: expected ", logits.dim(0),
         " tokens, got ", routing.tokens());
  const int64_t experts = logits.dim(1), chosen = routing.experts_per_token;
  const size_t size = spans.size() * static_cast<size_t>(experts);
  BalanceTerms out{std::vector<double>(size), std::vector<double>(size)};
  for (size_t b = 0; b < spans.size(); ++b) {
    double* f = out.f.data() + static_cast<int64_t>(b) * experts;
    double* p = out.p.data() + static_cast<int64_t>(b) * experts;
    const double length = static_cast<double>(spans[b].length);
    for (int64_t t = spans[b].first_row; t < spans[b].first_row + spans[b].length; ++t) {
      for (int64_t k = 0; k < chosen; ++k)
        f[routing.indices[static_cast<size_t>(t * chosen + k)]] += 1;
      const std::vector<double> s = token_scores(logits.data() + t * experts, experts, scoring);
      for (int64_t e = 0; e < experts; ++e) p[e] += s[static_cast<size_t>(e)];
    }
    for (int64_t e = 0; e < experts; ++e) {
      f[e] *= static_cast<double>(experts) / (static_cast<double>(chosen) * length);
      p[e] /= length;
    }
  }
  return out;
}

Tensor balance_loss(const Tensor& logits, const Routing& routing, std::span<const Span> spans,
                    RouterScoring scoring, double alpha) {
  const BalanceTerms terms = balance_terms(logits, routing, spans, scoring);
  if (spans.empty()) return Tensor::zeros({1});
  const double sum = std::inner_product(terms.f.begin(), terms.f.end(), terms.p.begin(), 0.0);
  const double loss = alpha * sum / static_cast<double>(spans.size());
  return record(Tensor::full({1}, static_cast<float>(loss)), {logits},
                [logits, f = terms.f, kept = std::vector(spans.begin(), spans.end()), scoring,
                 alpha](const Tensor& d_loss) -> Gradients {
                  return {balance_backward(logits, f, kept, scoring, alpha * d_loss.item())};
                });
}

std::vector<int64_t> expert_counts(const Routing& routing, int64_t experts) {
  std::vector<int64_t> counts(static_cast<size_t>(experts));
  for (const int32_t e : routing.indices) ++counts.at(static_cast<size_t>(e));
  return counts;
}

Tensor bias_update(const Tensor& bias, std::span<const int64_t> counts, double speed) {
  require_shape("bias_update", "bias", bias, {static_cast<int64_t>(counts.size())});
  const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  const int64_t experts = static_cast<int64_t>(counts.size());
  const Tensor out = Tensor::empty_like(bias);
  for (int64_t e = 0; e < experts; ++e) {
    // total / experts - count, times experts: exact in integers.
    const int64_t lack = total - counts[static_cast<size_t>(e)] * experts;
    const float step = static_cast<float>(speed);
    out.data()[e] = bias.data()[e] + (lack > 0 ? step : lack < 0 ? -step : 0.0f);
  }
  return out;
}

}  // namespace deepseek
