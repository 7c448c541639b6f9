// SPDX-License-Identifier: Apache-2.0
#include "ops/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "kernels/rope.h"
#include "ops/rows.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

constexpr double two_pi = 2 * std::numbers::pi;

/// Frequencies whose wavelength the original context holds often stay, rare ones are divided, the
/// rest interpolate (Llama 3.1).
float llama3_frequency(float frequency, const RopeScaling& s) {
  const double turns = s.original_max_position_embeddings * frequency / two_pi;
  if (turns > s.high_freq_factor) return frequency;
  if (turns < s.low_freq_factor) return static_cast<float>(frequency / s.factor);
  const double smooth = (turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
  return static_cast<float>((1 - smooth) * frequency / s.factor + smooth * frequency);
}

/// Dimension whose frequency turns `rotations` times within the original context.
double yarn_dimension(double rotations, int64_t dim, double theta, const RopeScaling& s) {
  return static_cast<double>(dim) *
         std::log(s.original_max_position_embeddings / (rotations * two_pi)) /
         (2 * std::log(theta));
}

void yarn_frequencies(std::vector<float>& frequencies, double theta, const RopeScaling& s) {
  const int64_t dim = 2 * static_cast<int64_t>(frequencies.size());
  const double low = std::max(std::floor(yarn_dimension(s.beta_fast, dim, theta, s)), 0.0);
  double high =
      std::min(std::ceil(yarn_dimension(s.beta_slow, dim, theta, s)), static_cast<double>(dim - 1));
  if (low == high) high += 0.001;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] =
        static_cast<float>(frequencies[i] / s.factor * ramp + frequencies[i] * (1 - ramp));
  }
}

float yarn_attention_scaling(const RopeScaling& s) {
  if (s.attention_factor) return static_cast<float>(*s.attention_factor);
  if (s.mscale.value_or(0) != 0 && s.mscale_all_dim.value_or(0) != 0)
    return static_cast<float>(yarn_mscale(s.factor, *s.mscale) /
                              yarn_mscale(s.factor, *s.mscale_all_dim));
  return static_cast<float>(yarn_mscale(s.factor, 1));
}

}  // namespace

double yarn_mscale(double factor, double mscale) {
  return factor > 1 ? 0.1 * mscale * std::log(factor) + 1 : 1;
}

RopeFrequencies rope_frequencies(int64_t dim, double theta, const RopeScaling& scaling) {
  if (dim <= 0 || dim % 2 != 0)
    fail(ErrorKind::invalid_input, "rope_frequencies: dim: expected an even number, got ", dim);
  RopeFrequencies out;
  out.inv_freq.resize(static_cast<size_t>(dim / 2));
  for (size_t i = 0; i < out.inv_freq.size(); ++i)
    out.inv_freq[i] = 1.0f / std::pow(static_cast<float>(theta),
                                      static_cast<float>(2 * i) / static_cast<float>(dim));
  if (!scaling.frequency_divisors.empty()) {
    if (scaling.frequency_divisors.size() != out.inv_freq.size())
      fail(ErrorKind::invalid_input, "rope_frequencies: frequency_divisors: expected ",
           out.inv_freq.size(), " values, got ", scaling.frequency_divisors.size());
    std::ranges::transform(out.inv_freq, scaling.frequency_divisors, out.inv_freq.begin(),
                           std::divides<>());
    return out;
  }
  switch (scaling.type) {
    case RopeScaling::Type::none:
      break;
    case RopeScaling::Type::linear:
      for (float& f : out.inv_freq) f = static_cast<float>(f / scaling.factor);
      break;
    case RopeScaling::Type::llama3:
      for (float& f : out.inv_freq) f = llama3_frequency(f, scaling);
      break;
    case RopeScaling::Type::yarn:
      yarn_frequencies(out.inv_freq, theta, scaling);
      out.attention_scaling = yarn_attention_scaling(scaling);
      break;
  }
  return out;
}

RopeTable rope_table(std::span<const int32_t> positions, const RopeFrequencies& frequencies) {
  const int64_t rows = static_cast<int64_t>(positions.size());
  const int64_t half = static_cast<int64_t>(frequencies.inv_freq.size());
  const RopeTable table{Tensor::empty({rows, half}), Tensor::empty({rows, half})};
  for_rows(rows, 32 * half, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t i = 0; i < half; ++i) {
        // The angle is rounded to f32 first, as the models were trained.
        const float angle = static_cast<float>(positions[static_cast<size_t>(r)]) *
                            frequencies.inv_freq[static_cast<size_t>(i)];
        table.cos.data()[r * half + i] =
            static_cast<float>(std::cos(double{angle})) * frequencies.attention_scaling;
        table.sin.data()[r * half + i] =
            static_cast<float>(std::sin(double{angle})) * frequencies.attention_scaling;
      }
  });
  return table;
}

Tensor rope(const Tensor& x, const RopeTable& table, RopePairing pairing) {
  require_rank("rope", "x", x, 3);
  const int64_t heads = x.dim(1), dim = x.dim(2), half = dim / 2;
  if (dim % 2 != 0)
    fail(ErrorKind::invalid_input, "rope: x: expected an even last dimension, got ", dim);
  require_shape("rope", "cos", table.cos, {x.dim(0), half});
  require_shape("rope", "sin", table.sin, {x.dim(0), half});
  const Tensor out = Tensor::empty_like(x);
  const auto& kernel = kernels::rope_f32.best();
  const bool interleaved = pairing == RopePairing::interleaved;
  for_rows(x.dim(0), 2 * heads * dim, [&](int64_t begin, int64_t end) {
    const int64_t at = begin * heads * dim;
    kernel.run({x.data() + at, table.cos.data() + begin * half, table.sin.data() + begin * half,
                out.data() + at, end - begin, heads, dim, interleaved});
  });
  // The transpose of a rotation turns the other way.
  return record(out, {x}, [table, pairing](const Tensor& d_out) -> Gradients {
    const Tensor minus_sin = Tensor::empty_like(table.sin);
    std::ranges::transform(table.sin.values(), minus_sin.data(), std::negate<>());
    return {rope(d_out, {table.cos, minus_sin}, pairing)};
  });
}

Tensor rope(const Tensor& x, std::span<const int32_t> positions, const RopeFrequencies& frequencies,
            RopePairing pairing) {
  return rope(x, rope_table(positions, frequencies), pairing);
}

}  // namespace deepseek
