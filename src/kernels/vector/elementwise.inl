// SPDX-License-Identifier: Apache-2.0

// Compiled once for each instruction set that has Lanes: the same operations in the same order as
// the scalar definitions, sixteen at a time.

#include "kernels/attention_merge_args.h"
#include "kernels/exp_rows_args.h"
#include "kernels/expert_combine_args.h"
#include "kernels/log_sum_exp_args.h"
#include "kernels/rms_norm_args.h"
#include "kernels/rope_args.h"
#include "kernels/swiglu_args.h"

namespace deepseek::kernels::DEEPSEEK_ISA {
namespace {

/// Calls body(i, count) for runs of sixteen, the last one possibly shorter.
template <class Body>
inline void for_lanes(int64_t dim, const Body& body) {
  int64_t i = 0;
  for (; i + 16 <= dim; i += 16) body(i, int64_t{16});
  if (i < dim) body(i, dim - i);
}

inline Lanes load_some(const float* at, int64_t count) {
  return count == 16 ? Lanes::load(at) : Lanes::load(at, count);
}

inline void store_some(Lanes x, float* at, int64_t count) {
  if (count == 16)
    x.store(at);
  else
    x.store(at, count);
}

inline void rotate_halves(const float* x, const float* cos, const float* sin, int64_t half,
                          float* out) {
  for_lanes(half, [&](int64_t i, int64_t n) {
    const Lanes first = load_some(x + i, n), second = load_some(x + half + i, n);
    const Lanes c = load_some(cos + i, n), s = load_some(sin + i, n);
    store_some(first * c - second * s, out + i, n);
    store_some(second * c + first * s, out + half + i, n);
  });
}

inline void rotate_neighbours(const float* x, const float* cos, const float* sin, int64_t half,
                              float* out) {
  for (int64_t i = 0; i < half; ++i) {
    const float first = x[2 * i], second = x[2 * i + 1];
    out[2 * i] = first * cos[i] - second * sin[i];
    out[2 * i + 1] = second * cos[i] + first * sin[i];
  }
}

constexpr float lowest = -__builtin_inff();

}  // namespace

void rms_norm(const RmsNormArgs& a) noexcept {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = a.x + r * a.dim;
    float* out = a.out + r * a.dim;
    Lanes squares = Lanes::zero();
    for_lanes(a.dim, [&](int64_t i, int64_t n) {
      const Lanes v = load_some(x + i, n);
      squares = fma(v, v, squares);
    });
    const float mean = sum(squares) / static_cast<float>(a.dim);
    const Lanes inverse = Lanes::all(1.0f / __builtin_sqrtf(mean + a.eps));
    for_lanes(a.dim, [&](int64_t i, int64_t n) {
      store_some(load_some(x + i, n) * inverse * load_some(a.weight + i, n), out + i, n);
    });
  }
}

void swiglu(const SwigluArgs& a) noexcept {
  const Lanes one = Lanes::all(1), zero = Lanes::all(-0.0f);
  for_lanes(a.count, [&](int64_t i, int64_t n) {
    const Lanes gate = load_some(a.gate + i, n);
    store_some(gate / (one + exp(zero - gate)) * load_some(a.up + i, n), a.out + i, n);
  });
}

void rope(const RopeArgs& a) noexcept {
  const int64_t half = a.dim / 2;
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t h = 0; h < a.heads; ++h) {
      const int64_t at = (r * a.heads + h) * a.dim;
      const float *cos = a.cos + r * half, *sin = a.sin + r * half;
      if (a.interleaved)
        rotate_neighbours(a.x + at, cos, sin, half, a.out + at);
      else
        rotate_halves(a.x + at, cos, sin, half, a.out + at);
    }
}

void log_sum_exp(const LogSumExpArgs& a) noexcept {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = a.x + r * a.dim;
    Lanes max = Lanes::all(lowest);
    for_lanes(a.dim, [&](int64_t i, int64_t n) {
      max = larger(max, load_some(x + i, n).keep(n, Lanes::all(lowest)));
    });
    a.max[r] = largest(max);
    const Lanes shift = Lanes::all(a.max[r]);
    DoubleLanes total;
    for_lanes(a.dim, [&](int64_t i, int64_t n) {
      total.add(exp(load_some(x + i, n) - shift).keep(n, Lanes::zero()));
    });
    a.sum[r] = total.sum();
  }
}

void exp_rows(const ExpRowsArgs& a) noexcept {
  for (int64_t r = 0; r < a.rows; ++r) {
    const Lanes shift = Lanes::all(a.shift[r]), factor = Lanes::all(a.factor[r]);
    for_lanes(a.dim, [&](int64_t i, int64_t n) {
      const int64_t at = r * a.dim + i;
      store_some(exp(load_some(a.x + at, n) - shift) * factor, a.out + at, n);
    });
  }
}

void expert_combine(const ExpertCombineArgs& a) noexcept {
  for (int64_t t = 0; t < a.tokens; ++t)
    for_lanes(a.dim, [&](int64_t i, int64_t n) {
      Lanes total = Lanes::zero();
      for (int64_t k = t * a.per_token; k < (t + 1) * a.per_token; ++k)
        total =
            fma(Lanes::all(a.weights[k]), load_some(a.values + a.slots[k] * a.dim + i, n), total);
      store_some(total, a.out + t * a.dim + i, n);
    });
}

void attention_merge(const AttentionMergeArgs& a) noexcept {
  for (int64_t r = 0; r < a.rows; ++r) {
    if (a.later_sum[r] == 0) continue;
    float* out = a.out + r * a.dim;
    const float* later = a.later_out + r * a.dim;
    if (a.sum[r] == 0) {
      a.max[r] = a.later_max[r];
      a.sum[r] = a.later_sum[r];
      for_lanes(a.dim,
                [&](int64_t i, int64_t n) { store_some(load_some(later + i, n), out + i, n); });
      continue;
    }
    const float max = a.max[r] > a.later_max[r] ? a.max[r] : a.later_max[r];
    float factors[16] = {a.max[r] - max, a.later_max[r] - max};
    exp(Lanes::load(factors)).store(factors);
    a.max[r] = max;
    a.sum[r] = __builtin_fmaf(a.later_sum[r], factors[1], a.sum[r] * factors[0]);
    const Lanes keep = Lanes::all(factors[0]), take = Lanes::all(factors[1]);
    for_lanes(a.dim, [&](int64_t i, int64_t n) {
      store_some(fma(load_some(later + i, n), take, load_some(out + i, n) * keep), out + i, n);
    });
  }
}

}  // namespace deepseek::kernels::DEEPSEEK_ISA
