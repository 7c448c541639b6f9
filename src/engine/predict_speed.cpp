// SPDX-License-Identifier: Apache-2.0
#include "engine/predict_speed.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "ops/linear.h"

namespace deepseek {
namespace {

using Bound = PredictedSpeed::Bound;

// Shares of the machine's measured peaks that whole models reach. docs/performance.md says how they
// were set.
constexpr double weight_memory_share = 0.78;
constexpr double cache_memory_share = 0.25;
/// What a step spends on a layer whatever its size: small operations, threads that wake.
constexpr double layer_seconds = 40e-6;

/// How much more of the peak many rows reach when activations have 8 bits: one product for each
/// weight, where 15 bits take two.
constexpr double one_plane_gain = 1.45;

/// Of arithmetic: with one row, where taking weights apart is most of the work, and with many.
struct ArithmeticShares {
  double one_row, many_rows;
};

constexpr ArithmeticShares paged_attention_shares{0.6, 0.63};
constexpr ArithmeticShares latent_attention_shares{0.65, 0.72};

ArithmeticShares shares_of(Format computed) {
  switch (computed) {
    case Format::f32:
      return {0.25, 0.70};
    case Format::f16:
      return {0.20, 0.68};
    case Format::bf16:
      return {0.24, 0.69};
    case Format::fp8:
      return {0.18, 0.68};
    case Format::q8_0:
      return {0.098, 0.35};
    case Format::q4_0:
      return {0.110, 0.35};
    case Format::q4_1:
      return {0.095, 0.33};
    case Format::q5_0:
      return {0.075, 0.32};
    case Format::q5_1:
      return {0.075, 0.30};
    case Format::q2_k:
      return {0.125, 0.27};
    case Format::q3_k:
      return {0.105, 0.28};
    case Format::q4_k:
      return {0.116, 0.33};
    case Format::q5_k:
      return {0.080, 0.30};
    case Format::q6_k:
      return {0.074, 0.27};
    case Format::iq4_nl:
    case Format::iq4_xs:
      return {0.083, 0.135};
    default:
      fail(ErrorKind::internal, "predict_speed: ", format_info(computed).name,
           " has no linear kernel");
  }
}

/// The weights of one computed format.
struct Group {
  double dense_bytes = 0, expert_bytes = 0, head_bytes = 0;
  double dense_values = 0, expert_values = 0, head_values = 0;

  void add(const WeightUse& use) {
    const auto bytes = static_cast<double>(use.bytes());
    const auto values = static_cast<double>(use.values);
    switch (use.part) {
      case WeightUse::Part::dense:
        dense_bytes += bytes;
        dense_values += values;
        break;
      case WeightUse::Part::expert:
        expert_bytes += bytes;
        expert_values += values;
        break;
      case WeightUse::Part::head:
        head_bytes += bytes;
        head_values += values;
        break;
      case WeightUse::Part::embedding:
      case WeightUse::Part::vector:
      case WeightUse::Part::mtp:
        break;
    }
  }
};

/// Seconds by what bounds them.
using Seconds = std::array<double, 4>;

class Predictor {
 public:
  Predictor(const ModelConfig& config, const Fit& fit, const MachineSpeed& machine)
      : c_(config),
        machine_(machine),
        cache_token_bytes_(double(fit.cache.token_bytes)),
        one_plane_(fit.activation_bits == 8) {
    for (const WeightUse& use : fit.weights.uses)
      if (use.part != WeightUse::Part::vector) groups_[use.computed].add(use);
    if (fit.weights.placement != Placement::mapped) return;
    // A dense model is read from end to end for every step: what was read first has left again. Of
    // experts those that fit stay.
    const double room = double(fit.memory.available_bytes - fit.total_bytes());
    absent_share_ = config.n_routed_experts == 0
                        ? 1
                        : std::clamp(1 - room / double(fit.weights.mapped_bytes), 0.0, 1.0);
  }

  /// Adds what `rows` tokens behind `depth` others take in one step, the logits of one included.
  void add_step(double rows, double depth, Seconds& seconds) const {
    const double chosen = chosen_share(c_);
    const double touched = 1 - std::pow(1 - chosen, rows);
    double read = 0;
    for (const auto& [format, group] : groups_) {
      const double bytes = group.dense_bytes + group.expert_bytes * touched + group.head_bytes;
      const double values = group.dense_values + group.expert_values * touched + group.head_values;
      const double products =
          rows * (group.dense_values + group.expert_values * chosen) + group.head_values;
      add_longest({.bytes = bytes / weight_memory_share,
                   .one_row = values,
                   .all_rows = products,
                   .in_bytes = linear_kernel(format).in_bytes},
                  shares(format), seconds);
      read += bytes;
    }
    const double seen = depth + (rows + 1) / 2;  // positions that a row attends to
    const bool latent = c_.attention == AttentionKind::mla;
    const double widths =
        double(latent ? 2 * c_.kv_lora_rank + c_.qk_rope_head_dim : 2 * c_.head_dim);
    const double products =
        seen * widths * double(c_.num_attention_heads) * double(c_.num_hidden_layers);
    add_longest({.bytes = (depth + rows) * cache_token_bytes_ / cache_memory_share,
                 .one_row = products,
                 .all_rows = rows * products,
                 .in_bytes = false},
                latent ? latent_attention_shares : paged_attention_shares, seconds);
    seconds[size_t(Bound::floats)] += layer_seconds * double(c_.num_hidden_layers);
    if (absent_share_ > 0)
      seconds[size_t(Bound::file)] += absent_share_ * read / machine_.file_bytes_per_s;
  }

  bool is_known() const {
    for (const auto& [format, group] : groups_)
      if (linear_kernel(format).in_bytes && machine_.byte_ops_per_s <= 0) return false;
    return machine_.read_bytes_per_s > 0 && machine_.float_ops_per_s > 0 &&
           (absent_share_ == 0 || machine_.file_bytes_per_s > 0);
  }

 private:
  ArithmeticShares shares(Format computed) const {
    ArithmeticShares out = shares_of(computed);
    if (one_plane_ && linear_kernel(computed).in_bytes) out.many_rows *= one_plane_gain;
    return out;
  }

  /// What one part of a step does: bytes it reads, products of one of its rows and of all.
  struct Work {
    double bytes, one_row, all_rows;
    bool in_bytes;
  };

  void add_longest(const Work& work, const ArithmeticShares& shares, Seconds& seconds) const {
    const double reading = work.bytes / machine_.read_bytes_per_s;
    const double peak = work.in_bytes ? machine_.byte_ops_per_s : machine_.float_ops_per_s;
    const double multiplying =
        2 / peak * std::max(work.one_row / shares.one_row, work.all_rows / shares.many_rows);
    const Bound arithmetic = work.in_bytes ? Bound::bytes : Bound::floats;
    seconds[size_t(reading > multiplying ? Bound::memory : arithmetic)] +=
        std::max(reading, multiplying);
  }

  const ModelConfig& c_;
  const MachineSpeed& machine_;
  double cache_token_bytes_;
  bool one_plane_;
  double absent_share_ = 0;  // of the weights a step reads, that memory does not hold
  std::map<Format, Group> groups_;
};

}  // namespace

std::optional<PredictedSpeed> predict_speed(const ModelConfig& config, const Fit& fit,
                                            const SpeedCase& what, const MachineSpeed& machine) {
  const Predictor predictor(config, fit, machine);
  if (!predictor.is_known()) return std::nullopt;
  const int64_t chunk = what.kind == SpeedCase::Kind::prefill ? prefill_chunk : 1;
  Seconds seconds{};
  for (int64_t done = 0; done < what.tokens; done += chunk)
    predictor.add_step(double(std::min(chunk, what.tokens - done)), double(what.depth + done),
                       seconds);
  double total = 0;
  for (const double part : seconds) total += part;
  const auto largest = std::ranges::max_element(seconds) - seconds.begin();
  return PredictedSpeed{double(what.tokens) / total, static_cast<Bound>(largest)};
}

}  // namespace deepseek
