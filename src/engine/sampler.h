// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/random.h"

namespace deepseek {

/// How the next token is drawn. The defaults change nothing about the model's distribution.
struct SampleOptions {
  double temperature = 1;         // 0: always the most probable token
  int64_t top_k = 0;              // 0: all
  double top_p = 1;               // 1: all
  double min_p = 0;               // of the largest probability; 0: all
  double repetition_penalty = 1;  // over prompt and output
  double frequency_penalty = 0;   // times the count in the output
  double presence_penalty = 0;    // once for a token in the output
  std::map<int32_t, double> logit_bias;
  uint64_t seed = 0;
  uint64_t choice = 0;  // tells several answers to one prompt apart under one seed

  /// Throws invalid_input naming the field, its range and what it is. `vocab` bounds logit_bias.
  void validate(int64_t vocab) const;
};

/// Draws the tokens of one sequence. What it draws depends on options, logits, the tokens seen and
/// the position alone. In order: repetition penalty, frequency and presence penalties, logit bias,
/// temperature, top-k, top-p, min-p; each filter works on the renormalised rest of the one before.
/// Ties go to the lowest id. Arithmetic is in float64.
class Sampler {
 public:
  /// Throws as SampleOptions::validate.
  Sampler(const SampleOptions& options, int64_t vocab);

  /// Tokens of the prompt, and one of the output, for the penalties. Throws invalid_input for an
  /// id outside the vocabulary.
  void add_prompt(std::span<const int32_t> tokens);
  void add_output(int32_t token);

  /// The token at `position` (the number of tokens before it). logits [vocab]. Throws bad_file when
  /// a logit is NaN or infinite, or all are -infinity: weights that overflow. Does not add_output.
  /// With a mask [(vocab + 63) / 64] only tokens whose bit t % 64 of word t / 64 is set can be
  /// drawn; throws invalid_input when there is none with a probability.
  int32_t sample(std::span<const float> logits, int64_t position,
                 std::span<const uint64_t> mask = {});

  /// The distribution that sample draws from: [vocab], zero for what the filters dropped.
  std::vector<double> probabilities(std::span<const float> logits);

 private:
  struct Candidate {
    int32_t id;
    double weight;
  };

  bool adjusts() const;
  bool filters() const;
  void check_token(int32_t token) const;
  void adjust(std::span<const float> logits);
  void drop_masked(std::span<const uint64_t> mask);
  void weigh(double largest);
  void keep_top_k();
  void keep_top_p(double total);
  int32_t draw_from_all(double uniform) const;
  int32_t draw_from_kept(double uniform) const;

  SampleOptions options_;
  int64_t vocab_;
  CounterRandom random_;
  std::unordered_map<int32_t, int64_t> output_counts_;
  std::unordered_set<int32_t> seen_;  // in prompt or output
  std::vector<double> values_;        // adjusted logits, then weights
  std::vector<double> block_sums_;    // of weights, without filters
  std::vector<Candidate> kept_;       // with filters; ascending ids
  std::vector<Candidate> scratch_;
};

struct TokenLogprob {
  int32_t token;
  double logprob;
};

struct Logprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob> best;  // most probable first; ties by lowest id
};

/// Natural log-probabilities of the chosen token and of the `best` most probable ones under the
/// model's own distribution: log-softmax of the logits before any penalty, bias or temperature.
Logprobs log_probabilities(std::span<const float> logits, int32_t chosen, int64_t best);

}  // namespace deepseek
