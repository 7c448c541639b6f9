// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace deepseek {

/// How a head's dimensions pair up: (i, i + dim/2), or neighbours (2i, 2i + 1).
enum class RopePairing { half, interleaved };

/// Frequency scaling of a config; names as published.
struct RopeScaling {
  enum class Type { none, linear, llama3, yarn };
  Type type = Type::none;
  double factor = 1;
  double original_max_position_embeddings = 0;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn
  std::optional<double> mscale, mscale_all_dim;      // yarn
  std::optional<double> attention_factor;            // yarn; wins over mscale
  std::vector<float> frequency_divisors;  // [dim / 2] divisors that replace llama3's rule

  bool operator==(const RopeScaling&) const = default;
};

struct RopeFrequencies {
  std::vector<float> inv_freq;  // [dim / 2] radians a position
  float attention_scaling = 1;  // multiplies cos and sin
};

/// Frequencies of a head of `dim` rotated dimensions. Throws invalid_input for an odd dim or for
/// divisors of another length.
RopeFrequencies rope_frequencies(int64_t dim, double theta, const RopeScaling& scaling);

/// YaRN's m(f, s) = 0.1 s ln f + 1 for f > 1, else 1   (Peng et al., 2023). The softmax scale of
/// MLA is multiplied by m(factor, mscale_all_dim)^2.
double yarn_mscale(double factor, double mscale);

/// cos and sin for the rows of one batch, [rows, dim / 2], computed once for all heads and layers.
struct RopeTable {
  Tensor cos, sin;
};
RopeTable rope_table(std::span<const int32_t> positions, const RopeFrequencies& frequencies);

/// Rotates the whole last dimension: x [T, heads, dim], table of T rows   (Su et al., 2021).
Tensor rope(const Tensor& x, const RopeTable& table, RopePairing pairing);
Tensor rope(const Tensor& x, std::span<const int32_t> positions, const RopeFrequencies& frequencies,
            RopePairing pairing);

}  // namespace deepseek
