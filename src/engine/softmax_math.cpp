// SPDX-License-Identifier: Apache-2.0
#include "engine/softmax_math.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "ops/exp_scaled.h"

namespace deepseek {
namespace {

// Independent lanes let the compiler use vector registers without changing any order.
constexpr size_t lanes = 16;

template <class T>
T largest(std::span<const T> values) {
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  std::array<T, lanes> best;
  best.fill(lowest);
  std::array<T, lanes> poison{};  // stays 0 unless a value is NaN or infinite
  size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes)
    for (size_t l = 0; l < lanes; ++l) {
      const T v = values[i + l];
      best[l] = v > best[l] ? v : best[l];
      poison[l] += v == lowest ? T(0) : v * T(0);
    }
  for (; i < values.size(); ++i) {
    best[0] = values[i] > best[0] ? values[i] : best[0];
    poison[0] += values[i] == lowest ? T(0) : values[i] * T(0);
  }
  T result = lowest, bad = 0;
  for (size_t l = 0; l < lanes; ++l) {
    result = std::max(result, best[l]);
    bad += poison[l];
  }
  if (bad == 0 && result > lowest) return result;
  for (size_t at = 0; at < values.size(); ++at)
    if (std::isnan(values[at]) || values[at] == std::numeric_limits<T>::infinity())
      fail(ErrorKind::bad_file, "logits: expected finite values, got ", values[at], " for token ",
           at, "; the weights are damaged or overflow");
  fail(ErrorKind::bad_file, "logits: every one of ", values.size(),
       " tokens has probability zero; the weights are damaged or overflow");
}

template <class T>
int64_t index_of_largest(std::span<const T> values) {
  const T best = largest(values);
  return std::find(values.begin(), values.end(), best) - values.begin();
}

}  // namespace

double largest_logit(std::span<const float> logits) { return largest(logits); }
double largest_logit(std::span<const double> logits) { return largest(logits); }
int64_t first_largest(std::span<const float> logits) { return index_of_largest(logits); }
int64_t first_largest(std::span<const double> logits) { return index_of_largest(logits); }

double sum_of(std::span<const double> values) {
  std::array<double, lanes> sums{};
  size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes)
    for (size_t l = 0; l < lanes; ++l) sums[l] += values[i + l];
  for (; i < values.size(); ++i) sums[0] += values[i];
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

// The order of sum_of over the whole, a block at a time.
double log_sum_exp(std::span<const float> logits) {
  const double shift = largest_logit(logits);
  std::array<double, lanes> sums{};
  std::array<double, 32 * lanes> block;
  for (size_t at = 0; at < logits.size(); at += block.size()) {
    const size_t count = std::min(block.size(), logits.size() - at);
    std::copy_n(logits.begin() + ptrdiff_t(at), count, block.begin());
    exp_scaled({block.data(), count}, shift, 1);
    size_t i = 0;
    for (; i + lanes <= count; i += lanes)
      for (size_t l = 0; l < lanes; ++l) sums[l] += block[i + l];
    for (; i < count; ++i) sums[0] += block[i];
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  return shift + std::log(total);
}

}  // namespace deepseek
