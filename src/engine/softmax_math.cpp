// SPDX-License-Identifier: Apache-2.0
#include "engine/softmax_math.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "core/error.h"

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

// exp(x) for x <= 0: x = n ln 2 + r, a polynomial in |r| <= ln(2)/2, then n into the exponent.
inline double exp_of(double x) {
  constexpr double shifter = 0x1.8p52;
  constexpr double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
  const double clamped = x < -708 ? -708 : x;
  const double shifted = clamped * 0x1.71547652b82fep0 + shifter;
  const double n = shifted - shifter;
  const double r = (clamped - n * ln2_high) - n * ln2_low;
  double p = 1.0 / 6227020800;
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1;
  p = p * r + 1;
  const uint64_t power = (std::bit_cast<uint64_t>(shifted) + 1023) << 52;
  const double result = p * std::bit_cast<double>(power);
  return x < -708 ? 0 : result;
}

}  // namespace

double largest_logit(std::span<const float> logits) { return largest(logits); }
double largest_logit(std::span<const double> logits) { return largest(logits); }
int64_t first_largest(std::span<const float> logits) { return index_of_largest(logits); }
int64_t first_largest(std::span<const double> logits) { return index_of_largest(logits); }

void exp_scaled(std::span<double> values, double shift, double temperature) {
  if (temperature == 1) {  // the same bits without a division each
    for (double& value : values) value = exp_of(value - shift);
    return;
  }
  for (double& value : values) value = exp_of((value - shift) / temperature);
}

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
