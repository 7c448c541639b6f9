// SPDX-License-Identifier: Apache-2.0
#include "ops/attention.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/thread_pool.h"
#include "kernels/exp_rows.h"
#include "ops/cached_attention.h"
#include "ops/rows.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

struct Saved {
  Tensor q, k, v, out, log_sum;
  std::vector<Span> spans;
  float scale;
};

/// One span and one kv head, head by head and query by query; the weights of a single query are
/// all that is ever held. With p the weights and g = d_out v^T: d_v = p^T d_out,
/// d_s = p * (g - sum(d_out * out)) * scale, d_q = d_s k, d_k = d_s^T q.
class SpanBackward {
 public:
  SpanBackward(const Saved& saved, const Span& span, int64_t kv_head)
      : s_(saved),
        span_(span),
        kv_head_(kv_head),
        heads_(saved.q.dim(1)),
        kv_heads_(saved.k.dim(1)),
        key_dim_(saved.q.dim(2)),
        value_dim_(saved.v.dim(2)),
        keys_t_(transposed(saved.k)),
        values_t_(transposed(saved.v)),
        p_(static_cast<size_t>(span.length)),
        g_(static_cast<size_t>(span.length)) {}

  void run(const Tensor& d_out, const Tensor& d_q, const Tensor& d_k, const Tensor& d_v) {
    const int64_t group = heads_ / kv_heads_;
    for (int64_t h = kv_head_ * group; h < (kv_head_ + 1) * group; ++h)
      for (int64_t i = 0; i < span_.length; ++i) {
        const int64_t at = (span_.first_row + i) * heads_ + h;
        const float* grad = d_out.data() + at * value_dim_;
        weights(at, i + 1);
        multiply(grad, value_dim_, values_t_, i + 1, g_);
        const float* out = s_.out.data() + at * value_dim_;
        float delta = 0;
        for (int64_t d = 0; d < value_dim_; ++d) delta += grad[d] * out[d];
        float* to_q = d_q.data() + at * key_dim_;
        for (int64_t j = 0; j <= i; ++j) {
          const int64_t from = (span_.first_row + j) * kv_heads_ + kv_head_;
          const float p = p_[static_cast<size_t>(j)];
          const float d_score = p * (g_[static_cast<size_t>(j)] - delta) * s_.scale;
          add_scaled(d_score, s_.k.data() + from * key_dim_, to_q, key_dim_);
          add_scaled(d_score, s_.q.data() + at * key_dim_, d_k.data() + from * key_dim_, key_dim_);
          add_scaled(p, grad, d_v.data() + from * value_dim_, value_dim_);
        }
      }
  }

 private:
  /// This span's rows of one kv head as [dim, length].
  std::vector<float> transposed(const Tensor& x) const {
    const int64_t dim = x.dim(2);
    std::vector<float> out(static_cast<size_t>(dim * span_.length));
    for (int64_t j = 0; j < span_.length; ++j) {
      const float* row = x.data() + ((span_.first_row + j) * x.dim(1) + kv_head_) * dim;
      for (int64_t d = 0; d < dim; ++d) out[static_cast<size_t>(d * span_.length + j)] = row[d];
    }
    return out;
  }

  static void add_scaled(float factor, const float* x, float* out, int64_t count) {
    for (int64_t i = 0; i < count; ++i) out[i] += factor * x[i];
  }

  /// out[j] = row . columns[:, j] for the first `count` columns.
  void multiply(const float* row, int64_t dim, const std::vector<float>& columns, int64_t count,
                std::vector<float>& out) const {
    std::fill_n(out.begin(), count, 0.0f);
    for (int64_t d = 0; d < dim; ++d)
      add_scaled(row[d], columns.data() + d * span_.length, out.data(), count);
  }

  void weights(int64_t at, int64_t count) {
    multiply(s_.q.data() + at * key_dim_, key_dim_, keys_t_, count, p_);
    for (int64_t j = 0; j < count; ++j) p_[static_cast<size_t>(j)] *= s_.scale;
    const float one = 1;
    kernels::exp_rows_f32.best().run(
        {p_.data(), s_.log_sum.data() + at, &one, p_.data(), 1, count});
  }

  const Saved& s_;
  Span span_;
  int64_t kv_head_, heads_, kv_heads_, key_dim_, value_dim_;
  std::vector<float> keys_t_, values_t_, p_, g_;
};

Gradients attend_backward(const Tensor& d_out, const Saved& saved) {
  const Tensor d_q = Tensor::zeros(saved.q.shape()), d_k = Tensor::zeros(saved.k.shape()),
               d_v = Tensor::zeros(saved.v.shape());
  const int64_t kv_heads = saved.k.dim(1);
  const int64_t parts = static_cast<int64_t>(saved.spans.size()) * kv_heads;
  compute_pool().parallel_for(parts, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i)
      SpanBackward(saved, saved.spans[static_cast<size_t>(i / kv_heads)], i % kv_heads)
          .run(d_out, d_q, d_k, d_v);
  });
  return {d_q, d_k, d_v};
}

void require_spans(std::span<const Span> spans, int64_t rows) {
  int64_t next = 0;
  for (const Span& span : spans) {
    if (span.first_row != next || span.length < 0)
      fail(ErrorKind::invalid_input, "attend: spans: expected the next one at row ", next,
           ", got row ", span.first_row, " with length ", span.length);
    next += span.length;
  }
  if (next != rows)
    fail(ErrorKind::invalid_input, "attend: spans: expected ", rows, " rows, got ", next);
}

}  // namespace

Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const Span> spans,
              float scale) {
  require_rank("attend", "q", q, 3);
  require_rank("attend", "k", k, 3);
  require_rank("attend", "v", v, 3);
  require_shape("attend", "k", k, {q.dim(0), k.dim(1), q.dim(2)});
  require_shape("attend", "v", v, {q.dim(0), k.dim(1), v.dim(2)});
  require_spans(spans, q.dim(0));
  const KvPageLayout layout{k.dim(1), k.dim(2), v.dim(2), DType::f32};
  int64_t count = 0;
  for (const Span& span : spans) count += (span.length + tokens_per_page - 1) / tokens_per_page;
  const Tensor memory = Tensor::empty({count, layout.size_bytes() / 4});
  std::vector<std::byte*> pages;
  pages.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) pages.push_back(memory.bytes() + i * layout.size_bytes());
  std::vector<PagedRow> rows;
  for (int64_t first_page = 0; const Span& span : spans) {
    for (int64_t i = 0; i < span.length; ++i) rows.push_back({i, pages.data() + first_page});
    first_page += (span.length + tokens_per_page - 1) / tokens_per_page;
  }
  append_kv(rows, layout, k, v);
  if (!is_recording({&q, &k, &v})) return attend_paged(q, rows, layout, scale);
  Saved saved{q, k, v, Tensor(), Tensor(), {spans.begin(), spans.end()}, scale};
  const Tensor out = saved.out = attend_paged(q, rows, layout, scale, saved.log_sum);
  return record(out, {q, k, v}, [saved](const Tensor& d_out) -> Gradients {
    return attend_backward(d_out, saved);
  });
}

}  // namespace deepseek
